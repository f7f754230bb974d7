//go:build go1.21

package retrieve

import (
	"runtime"
	"unsafe"
)

type pins struct{ runtime.Pinner }

// share lets C see Go's memory where it is.
func (m *memory) share(p unsafe.Pointer, size uintptr) unsafe.Pointer {
	m.pins.Pin(p)
	return p
}
