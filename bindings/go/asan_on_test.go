//go:build asan

package retrieve

const asanEnabled = true
