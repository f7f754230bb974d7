// Package retrieve finds the most similar pictures: it turns pictures into descriptors with a trained network and searches them exactly.
//
//	model, err := retrieve.LoadModel("cgd.safetensors", nil)
//	index, err := retrieve.OpenIndex("pictures.rtvx", nil)
//	searcher, err := retrieve.NewSearcher(model, index, nil)
//	hits, err := searcher.SearchOne(ctx, retrieve.File("photo.jpg"), 10, nil)
//
// It speaks to the shared library libretrieve through cgo and finds it by pkg-config. With the build tag retrieve_static the program carries
// the archive libretrieve.a instead.
//
// [Model], [Index], [Searcher] and [Evaluation] may be used by any number of goroutines at once, a [Quantizer] by one at a time. All are
// closed with Close; calls that run meanwhile go on. Where a function takes options, nil stands for the defaults, as do the zero values of
// their fields.
//
// Many vectors are one slice, one behind the other: vector i of dimension d is v[i*d : (i+1)*d].
//
// Callbacks run while the library waits for them. When one panics, the call that it belongs to stops and panics with the same value. They must
// not call [runtime.Goexit] (as testing.T.FailNow does), which leaves the library in the middle of its work.
//
// Errors are mostly of the type [*Error]; see there and [Status].
package retrieve

// #include "shim.h"
import "C"

import (
	"fmt"
	"runtime"
	"runtime/cgo"
	"unsafe"
)

// Version is the version of the library that is running, such as "0.1.0".
func Version() string {
	v := C.rtv_version()
	return fmt.Sprintf("%d.%d.%d", v/10000, v/100%100, v%100)
}

// BuildInfo tells in one line how the library was built: compiler, oneDNN, decoders.
func BuildInfo() string { return C.GoString(C.rtv_build_info()) }

// ISA is an instruction set, with all those before it.
type ISA int32

const (
	AnyISA     ISA = 0
	Scalar     ISA = C.RTV_ISA_SCALAR // plain C
	AVX2       ISA = C.RTV_ISA_AVX2   // with FMA and F16C
	AVX512     ISA = C.RTV_ISA_AVX512 // F, CD, BW, DQ, VL
	AVX512VNNI ISA = C.RTV_ISA_AVX512_VNNI
	AMX        ISA = C.RTV_ISA_AMX // tiles of int8 and BF16
)

func (i ISA) String() string {
	if i == AnyISA {
		return "any"
	}
	return C.GoString(C.rtv_isa_name(C.int32_t(i)))
}

// CPUInfo is what a processor can do.
type CPUInfo struct {
	Name       string
	ISA        ISA  // the best it has
	Processors int  // that this process may use
	Int8Exact  bool // products of 8-bit codes are summed without saturation at any weight
	Int8Fast   bool // int8 networks run faster than float32
}

// CPU tells what this processor can do.
func CPU() (CPUInfo, error) {
	var e C.rtv_error
	info := C.rtv_cpu_info{struct_size: C.sizeof_rtv_cpu_info}
	C.rtv_cpu_info_get(&info, &e)
	return CPUInfo{
		Name:       C.GoString(&info.name[0]),
		ISA:        ISA(info.isa),
		Processors: int(info.processors),
		Int8Exact:  info.int8_exact != 0,
		Int8Fast:   info.int8_fast != 0,
	}, failure(&e, "")
}

// LogLevel says how much is logged.
type LogLevel int32

const (
	LogError   LogLevel = C.RTV_LOG_ERROR - C.RTV_LOG_WARNING
	LogWarning LogLevel = 0
	LogInfo    LogLevel = C.RTV_LOG_INFO - C.RTV_LOG_WARNING
	LogDebug   LogLevel = C.RTV_LOG_DEBUG - C.RTV_LOG_WARNING
)

// RuntimeOptions are what a [Runtime] is made with.
type RuntimeOptions struct {
	Threads int // 0: as many as there are processors for this process
	// MaxISA caps the instruction sets, oneDNN's for the whole process: that has to be its first use.
	MaxISA ISA
	// LoudOneDNN leaves the messages of oneDNN to its environment variables; otherwise it prints nothing.
	LoudOneDNN bool
	// Log gets lines of log, from any thread, one at a time; it must not call the library. A panic of it is dropped.
	Log      func(level LogLevel, line string)
	LogLevel LogLevel // the highest that is logged
}

// Runtime is a team of threads that objects share. Those that are made without one have their own.
type Runtime struct {
	object
	c *C.rtv_runtime
}

// NewRuntime makes a runtime; its threads start with the first work.
func NewRuntime(options *RuntimeOptions) (*Runtime, error) {
	if options == nil {
		options = &RuntimeOptions{}
	}
	m := new(memory)
	o := new(C.rtv_runtime_options)
	C.rtv_runtime_options_init_sized(o, C.sizeof_rtv_runtime_options)
	if options.Threads != 0 {
		o.threads = clamp(options.Threads)
	}
	if options.MaxISA != AnyISA {
		o.max_isa = C.int32_t(options.MaxISA)
	}
	if options.LoudOneDNN {
		o.onednn_quiet = 0
	}
	o.log_level = C.int32_t(options.LogLevel + C.RTV_LOG_WARNING)
	free := m.free
	if options.Log != nil {
		handle := cgo.NewHandle(options.Log)
		o.log, o.log_user = C.rtv_log_fn(C.rtvgo_log), unsafe.Pointer(m.keep(handle))
		free = func() { handle.Delete(); m.free() }
	}
	var e C.rtv_error
	var c *C.rtv_runtime
	if C.rtv_runtime_create(o, &c, &e) != C.RTV_OK {
		free()
		return nil, failure(&e, "")
	}
	r := &Runtime{c: c}
	r.own(func() {
		C.rtv_runtime_free(c)
		free()
	})
	runtime.SetFinalizer(r, (*Runtime).Close)
	return r, nil
}

// hold makes the caller a user of the runtime, if there is one, until it calls release.
func (r *Runtime) hold() error {
	if r == nil {
		return nil
	}
	return r.use()
}

// keep is hold for one who knows that there is another user.
func (r *Runtime) keep() {
	if r != nil {
		r.users.Add(1)
	}
}

func (r *Runtime) release() {
	if r != nil {
		r.done()
	}
}

func (r *Runtime) pointer() *C.rtv_runtime {
	if r == nil {
		return nil
	}
	return r.c
}

//export rtvgoLog
func rtvgoLog(handle C.uintptr_t, level C.int32_t, line *C.char) {
	defer func() { _ = recover() }() // there is no call that it could come out of
	cgo.Handle(handle).Value().(func(LogLevel, string))(LogLevel(level-C.RTV_LOG_WARNING), C.GoString(line))
}
