//go:build !retrieve_static

package retrieve

// #cgo pkg-config: retrieve
import "C"
