package retrieve

// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

// Status says what kind of failure an [Error] is. It is an error itself, for errors.Is:
//
//	if errors.Is(err, retrieve.ErrNotFound) { ... }
type Status int32

const (
	ErrInvalidArgument Status = C.RTV_E_INVALID_ARGUMENT // the call itself is wrong
	ErrOutOfMemory     Status = C.RTV_E_OUT_OF_MEMORY    // the allocator said no
	ErrIO              Status = C.RTV_E_IO               // the operating system said no; there is a [syscall.Errno] behind it
	ErrFormat          Status = C.RTV_E_FORMAT           // bytes that do not follow their format
	ErrUnsupported     Status = C.RTV_E_UNSUPPORTED      // well-formed, but nothing here can handle it
	ErrLimit           Status = C.RTV_E_LIMIT            // larger than an option allows; the message names the option
	ErrMismatch        Status = C.RTV_E_MISMATCH         // two things that do not belong together
	ErrNotFound        Status = C.RTV_E_NOT_FOUND        // no such id or name in an index; a file that is missing is ErrIO
	ErrExists          Status = C.RTV_E_EXISTS           // an id, or a file to be made, that is already there
	ErrChecksum        Status = C.RTV_E_CHECKSUM         // the stored checksum is not that of the bytes
	ErrTooSmall        Status = C.RTV_E_BUFFER_TOO_SMALL // the caller's memory
	ErrCancelled       Status = C.RTV_E_CANCELLED        // the context ended; it has what context.Context.Err says behind it
	ErrBusy            Status = C.RTV_E_BUSY             // a second user of a Quantizer, a second writer of a file, a call from a callback
	ErrForked          Status = C.RTV_E_FORKED           // the object is the parent process's
	ErrCallback        Status = C.RTV_E_CALLBACK         // a callback reported a failure, which is behind it
	ErrState           Status = C.RTV_E_STATE            // right call, wrong time
	ErrInternal        Status = C.RTV_E_INTERNAL         // a defect of the library; please report
)

// Error is the status's name in the C interface, such as RTV_E_IO.
func (s Status) Error() string { return C.GoString(C.rtv_status_name(C.int32_t(s))) }

// Error is a failure of the library.
type Error struct {
	Status  Status
	Message string // one line: what is wrong with what
	Path    string // of the file that the call was about; empty for none
	Offset  int64  // where in the file or the bytes; -1 for nowhere
	Err     error  // what is behind it: a syscall.Errno, the context's error, a callback's; nil for none
}

func (e *Error) Error() string { return "retrieve: " + e.Message }

// Is tells whether target is the error's Status.
func (e *Error) Is(target error) bool { return target == error(e.Status) }

// Unwrap gives what is behind the error, so that errors.Is(err, fs.ErrNotExist) and errors.Is(err, context.Canceled) work.
func (e *Error) Unwrap() error { return e.Err }

// failure is the error that a call wrote, nil for none. path is the file that the call was about.
func failure(e *C.rtv_error, path string) error {
	if e.status == C.RTV_OK {
		return nil
	}
	err := &Error{Status: Status(e.status), Message: C.GoString(&e.message[0]), Path: path, Offset: int64(e.byte_offset)}
	if e.os_error != 0 {
		err.Err = syscall.Errno(e.os_error)
	}
	return err
}

// invalid is an error found on this side, in the words of the library.
func invalid(status Status, format string, arguments ...any) error {
	return &Error{Status: status, Message: fmt.Sprintf(format, arguments...), Offset: -1}
}

type closedError struct{}

func (closedError) Error() string        { return "retrieve: use of a closed object" }
func (closedError) Is(target error) bool { return target == fs.ErrClosed }

// ErrClosed is what calls of closed objects answer.
var ErrClosed error = closedError{}

// PictureErrors tells which pictures of a call failed: element i is nil when picture i is well, otherwise mostly an [*Error].
// errors.Is and errors.As look at all of them.
type PictureErrors []error

func (p PictureErrors) Error() string {
	failed, first := 0, -1
	for i, err := range p {
		if err != nil {
			failed++
			if first < 0 {
				first = i
			}
		}
	}
	if failed == 0 {
		return "retrieve: no picture failed"
	}
	return fmt.Sprintf("retrieve: %d of %d pictures failed, the first is number %d: %s", failed, len(p), first,
		strings.TrimPrefix(p[first].Error(), "retrieve: "))
}

// Is tells whether some picture's error is target.
func (p PictureErrors) Is(target error) bool {
	for _, err := range p {
		if err != nil && errors.Is(err, target) {
			return true
		}
	}
	return false
}

// As finds the first picture's error that is of target's type.
func (p PictureErrors) As(target any) bool {
	for _, err := range p {
		if err != nil && errors.As(err, target) {
			return true
		}
	}
	return false
}
