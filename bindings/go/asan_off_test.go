//go:build !asan

package retrieve

const asanEnabled = false
