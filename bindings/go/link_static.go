//go:build retrieve_static

package retrieve

// The archive comes first and brings all that Go asks for, so that the shared library, which pkg-config names as well, is not needed any more.

// #cgo LDFLAGS: -Wl,--as-needed -l:libretrieve.a
// #cgo pkg-config: --static retrieve
import "C"
