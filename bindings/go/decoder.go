package retrieve

// #include "shim.h"
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"runtime/cgo"
	"sync"
	"unsafe"
)

// Decoder makes a picture of the bytes of a file that is neither JPEG nor PNG. It is called from several goroutines at once. An error that is
// [image.ErrFormat] says that the format is none of its own. Its panics are errors.
type Decoder func(data []byte) (image.Image, error)

// DecodeImage is a [Decoder] for all formats that are registered with [image.RegisterFormat].
func DecodeImage(data []byte) (image.Image, error) {
	img, _, err := image.Decode(bytes.NewReader(data))
	return img, err
}

// decoder is the Go side of a model's Decoder; nil for none. C asks twice for a picture, on one thread: for its size, then for its pixels.
type decoder struct {
	memory
	decode Decoder
	handle cgo.Handle

	mutex   sync.Mutex
	waiting map[C.uintptr_t]*Picture // by thread
	last    error                    // the latest failure
}

func newDecoder(decode Decoder) *decoder {
	if decode == nil {
		return nil
	}
	d := &decoder{decode: decode, waiting: map[C.uintptr_t]*Picture{}}
	d.handle = cgo.NewHandle(d)
	return d
}

func (d *decoder) function() Decoder {
	if d == nil {
		return nil
	}
	return d.decode
}

func (d *decoder) callback() (C.rtv_decode_fn, unsafe.Pointer) {
	if d == nil {
		return nil, nil
	}
	return C.rtv_decode_fn(C.rtvgo_decode), unsafe.Pointer(d.keep(d.handle))
}

func (d *decoder) free() {
	if d != nil {
		d.handle.Delete()
		d.memory.free()
	}
}

// explain puts the decoder's failure behind the error that it caused.
func (d *decoder) explain(err error) error {
	if d == nil {
		return err
	}
	if failed, ok := err.(PictureErrors); ok {
		for _, one := range failed {
			_ = d.explain(one)
		}
	}
	if e, ok := err.(*Error); ok && e.Status == ErrCallback {
		d.mutex.Lock()
		e.Err = d.last
		d.mutex.Unlock()
	}
	return err
}

func (d *decoder) failed(err error) C.int32_t {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.last = err
	return -1
}

// swap gives the picture that waits for a thread, and leaves another one there.
func (d *decoder) swap(thread C.uintptr_t, next *Picture) *Picture {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	waiting := d.waiting[thread]
	if next == nil {
		delete(d.waiting, thread)
	} else {
		d.waiting[thread] = next
	}
	return waiting
}

//export rtvgoDecode
func rtvgoDecode(handle, thread C.uintptr_t, data unsafe.Pointer, size C.uint64_t, width, height *C.int32_t, pixels *C.uint8_t) (answer C.int32_t) {
	d := cgo.Handle(handle).Value().(*decoder)
	defer func() {
		if r := recover(); r != nil {
			answer = d.failed(fmt.Errorf("retrieve: decoder: panic: %v", r))
		}
	}()
	if pixels != nil {
		p := d.swap(thread, nil)
		p.writeRGB(unsafe.Slice((*byte)(pixels), 3*p.width*p.height))
		*width, *height = C.int32_t(p.width), C.int32_t(p.height)
		return 0
	}
	img, err := d.decode(copied[byte](data, C.int64_t(size)))
	if errors.Is(err, image.ErrFormat) {
		return 1
	}
	p := Image(img)
	if err == nil {
		err = p.err
	}
	if err != nil {
		return d.failed(err)
	}
	d.swap(thread, &p)
	*width, *height = C.int32_t(p.width), C.int32_t(p.height)
	return 0
}

// writeRGB writes three bytes a pixel, without gaps, of a picture that Image made.
func (p *Picture) writeRGB(to []byte) {
	channels := p.format.channels()
	for y := 0; y < p.height; y++ {
		row := p.data[y*p.stride:]
		for x := 0; x < p.width; x++ {
			pixel := row[x*channels:]
			if channels == 1 {
				to[0], to[1], to[2] = pixel[0], pixel[0], pixel[0]
			} else {
				to[0], to[1], to[2] = pixel[0], pixel[1], pixel[2]
			}
			to = to[3:]
		}
	}
}
