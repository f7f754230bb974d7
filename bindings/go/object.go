package retrieve

// #include "shim.h"
import "C"

import "sync/atomic"

// object is what all objects of the library have in common. The C object behind it goes when the last user is done: the owner, who is until
// Close, the calls that run, and the objects that depend on it.
type object struct {
	users  atomic.Int64
	closed atomic.Bool
	free   func()
}

// own begins the object's life. free must not know the object: what refers to itself is never forgotten.
func (o *object) own(free func()) {
	o.users.Store(1)
	o.free = free
}

// use makes the caller a user, until it calls done.
func (o *object) use() error {
	for !o.closed.Load() {
		n := o.users.Load()
		if n == 0 {
			break // never opened, or gone this moment
		}
		if o.users.CompareAndSwap(n, n+1) {
			return nil
		}
	}
	return ErrClosed
}

func (o *object) done() {
	if o.users.Add(-1) == 0 {
		o.free()
	}
}

// Close gives the object back. Calls that run meanwhile, and objects made with this one, go on; new calls answer [ErrClosed]. It never fails
// and may be called again. What is not closed is, some time after it is forgotten.
func (o *object) Close() error {
	if o.users.Load() > 0 && !o.closed.Swap(true) {
		o.done()
	}
	return nil
}

// ask calls a function of the library, during which the object stays.
func (o *object) ask(function func(e *C.rtv_error)) error {
	return o.askFile("", func(_ *C.char, e *C.rtv_error) { function(e) })
}

// askFile is the same for a function of a file.
func (o *object) askFile(path string, function func(path *C.char, e *C.rtv_error)) error {
	if err := o.use(); err != nil {
		return err
	}
	defer o.done()
	return withPath(path, function)
}

// askText is the same for a function that writes a text.
func (o *object) askText(function func(text *C.char, capacity C.uint64_t, size *C.uint64_t, e *C.rtv_error)) (string, error) {
	if err := o.use(); err != nil {
		return "", err
	}
	defer o.done()
	return readText(function)
}

// askName is the same for a function that takes one.
func (o *object) askName(name string, function func(name *C.char, e *C.rtv_error)) error {
	if err := whole("name", name); err != nil {
		return err
	}
	var m memory
	defer m.free()
	return o.ask(func(e *C.rtv_error) { function(m.text(name), e) })
}

// withPath calls a function of a file.
func withPath(path string, function func(path *C.char, e *C.rtv_error)) error {
	if err := whole("path", path); err != nil {
		return err
	}
	var m memory
	defer m.free()
	var e C.rtv_error
	function(m.optional(path), &e)
	return failure(&e, path)
}
