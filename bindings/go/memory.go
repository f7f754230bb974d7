package retrieve

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"math"
	"strings"
	"unsafe"
)

// memory is C's memory for one call, in structs of which Go's may be passed on as well. The zero value is empty.
type memory struct {
	blocks []unsafe.Pointer
	pins   pins
}

func (m *memory) allocate(size uintptr) unsafe.Pointer {
	block := C.calloc(1, C.size_t(size+1)) // never nothing; without memory cgo ends the program, as Go does
	m.blocks = append(m.blocks, block)
	return block
}

func (m *memory) free() {
	for _, block := range m.blocks {
		C.free(block)
	}
	m.blocks = nil
	m.pins.Unpin()
}

// zeros is C's memory for count values.
func zeros[T any](m *memory, count int) []T {
	var value T
	return unsafe.Slice((*T)(m.allocate(uintptr(count)*unsafe.Sizeof(value))), count)
}

// share is where C finds the values of a slice while m lives, to be read; nil for none.
func share[T any](m *memory, values []T) unsafe.Pointer {
	if len(values) == 0 {
		return nil
	}
	return m.share(unsafe.Pointer(&values[0]), uintptr(len(values))*unsafe.Sizeof(values[0]))
}

// at is the address of a slice's values as C's type, for an argument; nil for none.
func at[C, T any](values []T) *C {
	if len(values) == 0 {
		return nil
	}
	return (*C)(unsafe.Pointer(&values[0]))
}

// text is a string with a final NUL.
func (m *memory) text(s string) *C.char {
	text := zeros[byte](m, len(s)+1)
	copy(text, s)
	return (*C.char)(unsafe.Pointer(&text[0]))
}

// optional is the same, nil for the empty string.
func (m *memory) optional(s string) *C.char {
	if s == "" {
		return nil
	}
	return m.text(s)
}

// texts is an array of strings; nil for none.
func (m *memory) texts(all []string) **C.char {
	if len(all) == 0 {
		return nil
	}
	size := 0
	for _, s := range all {
		size += len(s) + 1
	}
	pointers, text := zeros[*C.char](m, len(all)), zeros[byte](m, size)
	for i, s := range all {
		pointers[i] = (*C.char)(unsafe.Pointer(&text[0]))
		text = text[copy(text, s)+1:]
	}
	return (**C.char)(unsafe.Pointer(&pointers[0]))
}

// whole answers an error for a text that C would see only a part of.
func whole(what string, texts ...string) error {
	for _, s := range texts {
		if at := strings.IndexByte(s, 0); at >= 0 {
			return invalid(ErrInvalidArgument, "%s: %q: got a NUL at byte %d, expected none", what, s, at)
		}
	}
	return nil
}

// readText asks a function for a text of any size.
func readText(ask func(text *C.char, capacity C.uint64_t, size *C.uint64_t, e *C.rtv_error)) (string, error) {
	var size C.uint64_t
	var e C.rtv_error
	text := make([]byte, 256)
	for {
		ask(at[C.char](text), C.uint64_t(len(text)), &size, &e)
		if e.status != C.RTV_E_BUFFER_TOO_SMALL {
			break
		}
		text = make([]byte, size)
	}
	if err := failure(&e, ""); err != nil || size == 0 {
		return "", err
	}
	return string(text[:size-1]), nil
}

// clamp makes C's number of Go's; one that is too large for it stays too large for anything.
func clamp(value int) C.int32_t {
	switch {
	case value > math.MaxInt32:
		return math.MaxInt32
	case value < math.MinInt32:
		return math.MinInt32
	}
	return C.int32_t(value)
}
