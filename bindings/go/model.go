package retrieve

// #include "shim.h"
import "C"

import (
	"context"
	"runtime"
	"unsafe"
)

// Executor is what runs a network.
type Executor int32

const (
	AutoExecutor Executor = C.RTV_EXECUTOR_AUTO // oneDNN where it is built in
	Reference    Executor = C.RTV_EXECUTOR_REFERENCE
	OneDNN       Executor = C.RTV_EXECUTOR_ONEDNN
)

// ModelOptions are what a [Model] is loaded with.
type ModelOptions struct {
	Runtime         *Runtime // nil: one of the model's own
	Executor        Executor
	MaxPixels       uint64 // of one picture before resizing; 0: 178956970, Pillow's limit
	MaxPictureBytes uint64 // of one encoded picture; 0: 256 MiB
	Decode          Decoder
}

// Model is a loaded network with its preprocessing: from pictures to descriptors.
type Model struct {
	object
	c       *C.rtv_model
	info    ModelInfo
	decoder *decoder
	runtime *Runtime
}

// LoadModel loads a model file. The file stays mapped as long as the model is there: replace it, but do not write into it.
func LoadModel(path string, options *ModelOptions) (*Model, error) {
	return makeModel(path, options, func(m *memory, rt *C.rtv_runtime, o *C.rtv_model_options, model **C.rtv_model, e *C.rtv_error) {
		C.rtv_model_load(m.text(path), rt, o, model, e)
	})
}

// LoadModelBytes loads what is in a model file.
func LoadModelBytes(data []byte, options *ModelOptions) (*Model, error) {
	return makeModel("", options, func(_ *memory, rt *C.rtv_runtime, o *C.rtv_model_options, model **C.rtv_model, e *C.rtv_error) {
		C.rtv_model_load_bytes(dataOf(data), C.uint64_t(len(data)), rt, o, model, e)
	})
}

type createModel func(*memory, *C.rtv_runtime, *C.rtv_model_options, **C.rtv_model, *C.rtv_error)

// makeModel is the model that create makes; path is for errors.
func makeModel(path string, options *ModelOptions, create createModel) (*Model, error) {
	if options == nil {
		options = &ModelOptions{}
	}
	if err := options.Runtime.hold(); err != nil {
		return nil, err
	}
	return makeModelOn(options.Runtime, path, options, create)
}

// makeModelOn takes over a user's part in a runtime, which may be nil.
func makeModelOn(rt *Runtime, path string, options *ModelOptions, create createModel) (*Model, error) {
	decoder := newDecoder(options.Decode)
	free := func() {
		decoder.free()
		rt.release()
	}
	var c *C.rtv_model // not a field: C gets no address inside of what has pointers to Go's memory
	err := withPath(path, func(_ *C.char, e *C.rtv_error) {
		var memory memory
		defer memory.free()
		create(&memory, rt.pointer(), memory.modelOptions(options, decoder), &c, e)
	})
	if err != nil {
		free()
		return nil, err
	}
	m := &Model{c: c, decoder: decoder, runtime: rt}
	m.own(func() {
		C.rtv_model_free(c)
		free()
	})
	runtime.SetFinalizer(m, (*Model).Close)
	m.info, err = m.readInfo()
	return m, err
}

func (m *memory) modelOptions(options *ModelOptions, decoder *decoder) *C.rtv_model_options {
	o := new(C.rtv_model_options)
	C.rtv_model_options_init_sized(o, C.sizeof_rtv_model_options)
	o.executor = C.int32_t(options.Executor)
	if options.MaxPixels != 0 {
		o.max_pixels = C.uint64_t(options.MaxPixels)
	}
	if options.MaxPictureBytes != 0 {
		o.max_picture_bytes = C.uint64_t(options.MaxPictureBytes)
	}
	o.decode, o.decode_user = decoder.callback()
	return o
}

// Save writes the model file, whole or not at all.
func (m *Model) Save(path string) error {
	return m.askFile(path, func(path *C.char, e *C.rtv_error) { C.rtv_model_save(m.c, path, e) })
}

// ModelInfo is what a model is.
type ModelInfo struct {
	Name                    string
	Architecture            string
	Descriptors             string // letters of the branches of a CGD network, such as "SG"
	Preprocessing           string // one line
	Fingerprint             string // SHA-256 of what decides the descriptors, in hexadecimal
	Parent                  string // the fingerprint of the float32 model that a quantized one was made of; empty for a float32 model
	Dim                     int    // floats in a descriptor
	NumClasses              int    // of the classifier, 0 without one
	InputWidth, InputHeight int
	Executor                Executor
	NumParameters           int64
	WeightsBytes            int64 // as float32
	ResidentBytes           int64 // weights as the executor holds them
	ActivationBytes         int64 // of one picture on its way
	CalibrationPictures     int64 // that a quantized model was made with
	MACs                    float64
}

// Info is what the model is, also after Close.
func (m *Model) Info() ModelInfo { return m.info }

func (m *Model) readInfo() (ModelInfo, error) {
	var e C.rtv_error
	info := C.rtv_model_info{struct_size: C.sizeof_rtv_model_info}
	C.rtv_model_info_get(m.c, &info, &e)
	return ModelInfo{
		Name:                C.GoString(&info.name[0]),
		Architecture:        C.GoString(&info.architecture[0]),
		Descriptors:         C.GoString(&info.descriptors[0]),
		Preprocessing:       C.GoString(&info.preprocessing[0]),
		Fingerprint:         C.GoString(&info.fingerprint[0]),
		Parent:              C.GoString(&info.parent[0]),
		Dim:                 int(info.descriptor_dim),
		NumClasses:          int(info.num_classes),
		InputWidth:          int(info.input_width),
		InputHeight:         int(info.input_height),
		Executor:            Executor(info.executor),
		NumParameters:       int64(info.num_parameters),
		WeightsBytes:        int64(info.weights_bytes),
		ResidentBytes:       int64(info.resident_bytes),
		ActivationBytes:     int64(info.activation_bytes),
		CalibrationPictures: int64(info.calibration_pictures),
		MACs:                float64(info.macs),
	}, failure(&e, "")
}

// Dim is how many floats a descriptor has.
func (m *Model) Dim() int { return m.info.Dim }

// ClassName is the name of a class of the classifier; empty when it has none, and when the model is closed.
func (m *Model) ClassName(class int32) string {
	if m.use() != nil {
		return ""
	}
	defer m.done()
	return C.GoString(C.rtv_model_class_name(m.c, C.int32_t(class)))
}

// Mode says how pictures share the threads.
type Mode int32

const (
	AutoMode   Mode = C.RTV_MODE_AUTO       // latency for a single picture, throughput for more
	Latency    Mode = C.RTV_MODE_LATENCY    // one picture at a time over all threads
	Throughput Mode = C.RTV_MODE_THROUGHPUT // one picture a thread, decoding included
)

// EmbedOptions are how pictures are embedded.
type EmbedOptions struct {
	Mode     Mode
	Progress func(done, total int64)
}

func (o *EmbedOptions) progress() func(done, total int64) {
	if o == nil {
		return nil
	}
	return o.Progress
}

func (c *call) embedOptions(options *EmbedOptions) *C.rtv_embed_options {
	o := new(C.rtv_embed_options)
	C.rtv_embed_options_init_sized(o, C.sizeof_rtv_embed_options)
	if options != nil {
		o.mode = C.int32_t(options.Mode)
	}
	o.progress, o.progress_user = c.watchProgress()
	return o
}

// Embedding is what a model makes of n pictures.
type Embedding struct {
	Dim         int
	Descriptors []float32 // n of Dim floats, of unit length; zeros for a picture that failed
	Classes     []int32   // n, the predicted class; -1 without a classifier or on failure
	ClassScores []float32 // n, its probability
}

// Descriptor is that of picture i, in the memory of the others.
func (e *Embedding) Descriptor(i int) []float32 {
	return e.Descriptors[i*e.Dim : (i+1)*e.Dim : (i+1)*e.Dim]
}

// Embed makes the descriptors of pictures. One bad picture fails alone: then the embedding of the others comes with [PictureErrors]. With
// any other error there is none.
func (m *Model) Embed(ctx context.Context, pictures []Picture, options *EmbedOptions) (*Embedding, error) {
	if err := m.use(); err != nil {
		return nil, err
	}
	defer m.done()
	c, err := begin(ctx, options.progress())
	if err != nil {
		return nil, c.end(err)
	}
	n := len(pictures)
	result := &Embedding{
		Dim:         m.Dim(),
		Descriptors: make([]float32, n*m.Dim()),
		Classes:     make([]int32, n),
		ClassScores: make([]float32, n),
	}
	errors := make([]C.rtv_error, n)
	var e C.rtv_error
	C.rtvgo_model_embed(m.c, c.pictures(pictures), C.int64_t(n), c.embedOptions(options), at[C.float](result.Descriptors),
		at[C.int32_t](result.Classes), at[C.float](result.ClassScores), at[C.rtv_error](errors), &e)
	if err := c.end(failure(&e, "")); err != nil {
		return nil, err
	}
	return result, m.decoder.explain(errorsOf(pictures, errors))
}

// EmbedOne makes the descriptor of one picture.
func (m *Model) EmbedOne(ctx context.Context, picture Picture) ([]float32, error) {
	result, err := m.Embed(ctx, []Picture{picture}, nil)
	if err != nil {
		return nil, alone(err)
	}
	return result.Descriptors, nil
}

// inputSize is how many floats the network takes.
func (m *Model) inputSize() int { return 3 * m.info.InputWidth * m.info.InputHeight }

// Preprocess makes the network's input for a picture: float32 [3][InputHeight][InputWidth], as [Tensor] takes it.
func (m *Model) Preprocess(picture Picture) ([]float32, error) {
	values := make([]float32, m.inputSize())
	return values, m.askPicture(picture, func(p *C.rtv_picture, e *C.rtv_error) {
		C.rtv_model_preprocess(m.c, p, at[C.float](values), C.uint64_t(len(values)), e)
	})
}

// askPicture calls a function for one picture.
func (m *Model) askPicture(picture Picture, function func(p *C.rtv_picture, e *C.rtv_error)) error {
	if picture.err != nil {
		return picture.err
	}
	if err := m.use(); err != nil {
		return err
	}
	defer m.done()
	var memory memory
	defer memory.free()
	var e C.rtv_error
	function(memory.pictures([]Picture{picture}), &e)
	return m.decoder.explain(failure(&e, picture.path))
}

// PictureHash is a number for the network's input of a picture; models of one preprocessing give one number.
func (m *Model) PictureHash(picture Picture) (uint64, error) {
	var hash C.uint64_t
	err := m.askPicture(picture, func(p *C.rtv_picture, e *C.rtv_error) { C.rtv_model_picture_hash(m.c, p, &hash, e) })
	return uint64(hash), err
}

// CalibratedWith tells whether a quantized model was calibrated with a picture of this [Model.PictureHash].
func (m *Model) CalibratedWith(hash uint64) bool {
	if m.use() != nil {
		return false
	}
	defer m.done()
	return C.rtv_model_is_calibrated_with(m.c, C.uint64_t(hash)) != 0
}

// Layer is one step of the compiled network.
type Layer struct {
	Name         string
	Op           string
	Kernel       string
	Precision    string // what it computes on: "f32", "int8"
	Shape        string // of the output
	Output       string // "f32", "u8", "s8"
	Scale        float32
	ZeroPoint    int32 // of the output when it is codes: (code - ZeroPoint) * Scale
	MACs         float64
	Milliseconds float64 // median of the profiled runs; 0 without
}

// Profile tells the layers of the network, timed in so many runs; 0 for none.
func (m *Model) Profile(runs int) ([]Layer, error) {
	if err := m.use(); err != nil {
		return nil, err
	}
	defer m.done()
	rows, err := rowsOf(func(rows []C.rtv_layer_info, count *C.int64_t, e *C.rtv_error) {
		rows[0].struct_size = C.sizeof_rtv_layer_info
		C.rtv_model_profile(m.c, clamp(runs), &rows[0], C.int64_t(len(rows)), count, e)
	})
	layers := make([]Layer, len(rows))
	for i := range rows {
		r := &rows[i]
		layers[i] = Layer{
			Name:         C.GoString(&r.name[0]),
			Op:           C.GoString(&r.op[0]),
			Kernel:       C.GoString(&r.kernel[0]),
			Precision:    C.GoString(&r.precision[0]),
			Shape:        C.GoString(&r.shape[0]),
			Output:       C.GoString(&r.output[0]),
			Scale:        float32(r.scale),
			ZeroPoint:    int32(r.zero_point),
			MACs:         float64(r.macs),
			Milliseconds: float64(r.milliseconds),
		}
	}
	return layers, err
}

// rowsOf asks a function for its rows, of which it writes as many as there is room for, and tells how many there are.
func rowsOf[T any](ask func(rows []T, count *C.int64_t, e *C.rtv_error)) ([]T, error) {
	rows := make([]T, 256)
	for {
		var count C.int64_t
		var e C.rtv_error
		ask(rows, &count, &e)
		if err := failure(&e, ""); err != nil {
			return nil, err
		}
		if int(count) <= len(rows) {
			return rows[:count], nil
		}
		rows = make([]T, count)
	}
}

// Dump is the network as text, one line a value.
func (m *Model) Dump() (string, error) {
	return m.askText(func(text *C.char, capacity C.uint64_t, size *C.uint64_t, e *C.rtv_error) {
		C.rtv_model_dump(m.c, text, capacity, size, e)
	})
}

// Provenance tells as JSON where a quantized model comes from; empty for a float32 model.
func (m *Model) Provenance() (string, error) {
	return m.askText(func(text *C.char, capacity C.uint64_t, size *C.uint64_t, e *C.rtv_error) {
		C.rtv_model_provenance(m.c, text, capacity, size, e)
	})
}

// dataOf is where data is, for the time of a call.
func dataOf(data []byte) unsafe.Pointer { return unsafe.Pointer(at[byte](data)) }
