//go:build !go1.21

package retrieve

import "unsafe"

type pins struct{}

func (pins) Unpin() {}

// share copies: nothing holds Go's memory where it is.
func (m *memory) share(p unsafe.Pointer, size uintptr) unsafe.Pointer {
	block := m.allocate(size)
	copy(unsafe.Slice((*byte)(block), size), unsafe.Slice((*byte)(p), size))
	return block
}
