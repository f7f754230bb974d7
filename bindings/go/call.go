package retrieve

// #include "shim.h"
import "C"

import (
	"context"
	"runtime/cgo"
	"unsafe"
)

// call is the Go side of one call of the library: what its callbacks need, and what they leave behind.
type call struct {
	memory
	ctx      context.Context
	progress func(done, total int64)

	filter func(query int, hit Hit) bool     // of a search
	hits   func(query int, hits []Hit) error // of a search by score
	pairs  func(pairs []Pair) error
	visit  func(item *C.rtv_item) error
	sample func(number int64, values *C.float) (bool, error)

	user     *user // of the callbacks; nil while there are none
	err      error // what a callback returned
	panicked *any  // what a callback panicked with
}

// begin starts a call; c.end is to follow.
func begin(ctx context.Context, progress func(done, total int64)) (*call, error) {
	c := &call{ctx: ctx, progress: progress}
	return c, c.cancelled()
}

// cancelled is the error of a context that has ended.
func (c *call) cancelled() error {
	if err := c.ctx.Err(); err != nil {
		return &Error{Status: ErrCancelled, Message: err.Error(), Offset: -1, Err: err}
	}
	return nil
}

// user is what C's callbacks come with, on both sides.
type user struct {
	memory
	c      *C.rtvgo_user
	handle cgo.Handle
	call   *call // that runs; nil for none
}

func newUser() *user {
	u := new(user)
	u.handle = cgo.NewHandle(u)
	u.c = u.keep(u.handle)
	return u
}

func (u *user) free() {
	u.handle.Delete()
	u.memory.free()
}

// keep is a user pointer for a handle.
func (m *memory) keep(handle cgo.Handle) *C.rtvgo_user {
	u := &zeros[C.rtvgo_user](m, 1)[0]
	u.handle = C.uintptr_t(handle)
	return u
}

// idle are users for later calls: to make one takes longer than to search a small index.
var idle = make(chan *user, 64)

// watch is the user pointer of the call's callbacks.
func (c *call) watch() unsafe.Pointer {
	if c.user == nil {
		select {
		case c.user = <-idle:
		default:
			c.user = newUser()
		}
		c.user.call = c
		c.user.c.quiet, c.user.c.tick = toInt(c.progress == nil), 0
	}
	return unsafe.Pointer(c.user.c)
}

func (c *call) unwatch() {
	if c.user == nil {
		return
	}
	c.user.call = nil
	select {
	case idle <- c.user:
	default:
		c.user.free()
	}
	c.user = nil
}

// watchProgress is the progress callback and its user pointer, if anybody wants to hear or to stop.
func (c *call) watchProgress() (C.rtv_progress_fn, unsafe.Pointer) {
	if c.progress == nil && c.ctx.Done() == nil {
		return nil, nil
	}
	return C.rtv_progress_fn(C.rtvgo_progress), c.watch()
}

// end gives back what the call needed, and gives the error of the call: a callback's own if it has one. It goes on with a callback's panic.
func (c *call) end(err error) error {
	c.unwatch()
	c.free()
	if c.panicked != nil {
		panic(*c.panicked)
	}
	if c.err != nil {
		return c.err
	}
	return err
}

// guard runs a callback, and tells whether it wants to stop. After a failure nothing more is asked.
func (c *call) guard(callback func() error) (stop bool) {
	if c.err != nil || c.panicked != nil {
		return true
	}
	returned := false
	defer func() {
		if !returned { // there is no way through C's frames
			value := recover()
			c.panicked = &value
			stop = true
		}
	}()
	c.err = callback()
	returned = true
	return c.err != nil
}

func (c *call) step(done, total int64) bool {
	return c.guard(func() error {
		if c.progress != nil {
			c.progress(done, total)
		}
		return c.cancelled()
	})
}

func toInt(yes bool) C.int32_t {
	if yes {
		return 1
	}
	return 0
}

func callOf(handle C.uintptr_t) *call { return cgo.Handle(handle).Value().(*user).call }

//export rtvgoProgress
func rtvgoProgress(handle C.uintptr_t, done, total C.int64_t) C.int32_t {
	c := callOf(handle)
	return toInt(c != nil && c.step(int64(done), int64(total)))
}

//export rtvgoFilter
func rtvgoFilter(handle C.uintptr_t, query C.int64_t, hit *C.rtv_hit) (takes C.int32_t) {
	c := callOf(handle)
	c.guard(func() error {
		takes = toInt(c.filter(int(query), *(*Hit)(unsafe.Pointer(hit))))
		return nil
	})
	return takes
}

//export rtvgoHits
func rtvgoHits(handle C.uintptr_t, query C.int64_t, hits *C.rtv_hit, count C.int64_t) C.int32_t {
	c := callOf(handle)
	return toInt(c.guard(func() error { return c.hits(int(query), copied[Hit](unsafe.Pointer(hits), count)) }))
}

//export rtvgoPairs
func rtvgoPairs(handle C.uintptr_t, pairs *C.rtv_pair, count C.int64_t) C.int32_t {
	c := callOf(handle)
	return toInt(c.guard(func() error { return c.pairs(copied[Pair](unsafe.Pointer(pairs), count)) }))
}

//export rtvgoVisit
func rtvgoVisit(handle C.uintptr_t, item *C.rtv_item) C.int32_t {
	c := callOf(handle)
	return toInt(c.guard(func() error { return c.visit(item) }))
}

//export rtvgoSample
func rtvgoSample(handle C.uintptr_t, number C.int64_t, values *C.float) C.int32_t {
	c, more := callOf(handle), false
	failed := c.guard(func() (err error) {
		more, err = c.sample(int64(number), values)
		return err
	})
	switch {
	case failed:
		return -1
	case !more:
		return 1
	}
	return 0
}

// copied is a slice of what lies in the library's memory now.
func copied[T any](p unsafe.Pointer, count C.int64_t) []T {
	return append([]T(nil), unsafe.Slice((*T)(p), int(count))...)
}
