package retrieve

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

var _ = []io.Closer{&Runtime{}, &Model{}, &Index{}, &Searcher{}, &Quantizer{}, &Evaluation{}}

func TestClosedObjects(t *testing.T) {
	s, m, x, paths := world(t)
	q, err := NewQuantizer(m, nil)
	fatal(t, err)
	v, err := Evaluate(ctx, x, nil, nil)
	fatal(t, err)
	for _, object := range []io.Closer{s, m, x, q, v} {
		fatal(t, object.Close())
		fatal(t, object.Close()) // again
	}
	picture := Files(paths[0])
	for name, call := range map[string]func() error{
		"Model.Embed":       func() error { _, err := m.Embed(ctx, picture, nil); return err },
		"Model.Save":        func() error { return m.Save("x") },
		"Model.Preprocess":  func() error { _, err := m.Preprocess(picture[0]); return err },
		"Model.Profile":     func() error { _, err := m.Profile(0); return err },
		"Model.Dump":        func() error { _, err := m.Dump(); return err },
		"NewSearcher":       func() error { _, err := NewSearcher(m, x, nil); return err },
		"NewQuantizer":      func() error { _, err := NewQuantizer(m, nil); return err },
		"NewIndex":          func() error { _, err := NewIndex(&IndexOptions{Model: m}); return err },
		"Index.Add":         func() error { return x.Add(Items{Vectors: make([]float32, 12)}) },
		"Index.Search":      func() error { _, err := x.Search(ctx, make([]float32, 12), 1, nil); return err },
		"Index.SearchInto":  func() error { _, err := x.SearchInto(ctx, make([]float32, 12), make([]Hit, 1), nil); return err },
		"Index.Info":        func() error { _, err := x.Info(); return err },
		"Index.Key":         func() error { _, err := x.Key(0); return err },
		"Index.Visit":       func() error { return x.Visit(nil) },
		"Index.Merge":       func() error { return indexOf(t, 12, Items{}).Merge(x, false) },
		"Evaluate":          func() error { _, err := Evaluate(ctx, x, nil, nil); return err },
		"Searcher.Search":   func() error { _, err := s.Search(ctx, picture, 1, nil); return err },
		"Searcher.Add":      func() error { return s.Add(ctx, picture, nil, nil) },
		"Quantizer.Add":     func() error { _, err := q.Add(ctx, picture); return err },
		"Quantizer.AddFrom": func() error { _, err := q.AddFrom(ctx, nil); return err },
		"Quantizer.Finish":  func() error { _, err := q.Finish(ctx, nil); return err },
		"Evaluation.Metric": func() error { _, err := v.RecallAt(1); return err },
		"zero Index":        func() error { _, err := new(Index).Search(ctx, nil, 1, nil); return err },
		"zero Model":        func() error { return new(Model).Save("x") },
	} {
		if err := call(); err != ErrClosed || !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: got %v, expected ErrClosed", name, err)
		}
	}
	if m.Info().Dim != 12 || x.Dim() != 12 || x.Len() != 0 || m.ClassName(0) != "" || m.CalibratedWith(0) || v.Info().NumQueries != 10 {
		t.Error("what needs no object changed with Close")
	}
	fatal(t, new(Model).Close())
}

// A searcher goes on when its model and its index are closed, and a call when its index is.
func TestOthersKeepAnObject(t *testing.T) {
	s, m, x, paths := world(t)
	x.Close()
	m.Close()
	if hits, err := s.SearchOne(ctx, File(paths[2]), 1, nil); err != nil || hits[0].ID != 2 {
		t.Errorf("got %v, %v", hits, err)
	}
	y := alphabet(t)
	seen := 0
	fatal(t, y.Visit(func(item *Item) error {
		seen++
		return y.Close()
	}))
	if seen != 5 {
		t.Errorf("visited %d items, expected 5", seen)
	}
}

func TestClosingUnderTheOthersFeet(t *testing.T) {
	vectors := unitVectors(500, 64)
	for round := 0; round < 20; round++ {
		x := indexOf(t, 64, Items{Vectors: vectors})
		var others sync.WaitGroup
		for i := 0; i < 10; i++ {
			others.Add(1)
			go func(i int) {
				defer others.Done()
				for {
					rows, err := x.Search(ctx, vectors[i*64:(i+1)*64], 1, nil)
					if err == ErrClosed {
						return
					}
					if err != nil || rows[0][0].ID != int64(i) {
						t.Errorf("got %v, %v, expected item %d", rows, err, i)
						return
					}
				}
			}(i)
		}
		time.Sleep(time.Millisecond)
		x.Close()
		others.Wait()
	}
}

// What is forgotten goes, after all that depends on it.
func TestForgottenObjects(t *testing.T) {
	gone := make(chan string, 4)
	note := func(o *object, name string) {
		free := o.free
		o.free = func() { free(); gone <- name }
	}
	func() {
		rt, err := NewRuntime(&RuntimeOptions{Threads: 1, Log: func(LogLevel, string) {}})
		fatal(t, err)
		m, err := ImportModel(testsFolder+"/golden/models/cgd_sg.pth", nil, &ModelOptions{Runtime: rt, Decode: DecodeImage})
		fatal(t, err)
		x, err := NewIndex(&IndexOptions{Model: m, Runtime: rt})
		fatal(t, err)
		s, err := NewSearcher(m, x, nil)
		fatal(t, err)
		q, err := NewQuantizer(m, nil)
		fatal(t, err)
		note(&rt.object, "runtime")
		note(&m.object, "model")
		note(&s.object, "searcher")
		note(&q.object, "quantizer")
	}()
	order := ""
	for last := ""; last != "runtime"; order += last + " " {
		runtime.GC()
		select {
		case last = <-gone:
		case <-time.After(10 * time.Millisecond):
			last = ""
		}
		if len(order) > 5000 {
			t.Fatalf("after %d rounds only these are gone: %s", len(order), order)
		}
	}
	if len(gone) != 0 {
		t.Errorf("the runtime went before %s", <-gone)
	}
}

func TestErrors(t *testing.T) {
	_, err := OpenIndex("no/such", nil)
	var e *Error
	if !errors.As(err, &e) || e.Status != ErrIO || e.Path != "no/such" || !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrFormat) {
		t.Errorf("got %#v", err)
	}
	data, err := os.ReadFile(testsFolder + "/golden/index/format0.rtvi")
	fatal(t, err)
	data[len(data)-1] ^= 1
	_, err = OpenIndexBytes(data, nil)
	if !errors.As(fmt.Errorf("mine: %w", err), &e) || e.Status != ErrChecksum || e.Path != "" || e.Err != nil {
		t.Errorf("got %#v", err)
	}
	if ErrChecksum.Error() != "RTV_E_CHECKSUM" || Status(99).Error() != "RTV_E_?" {
		t.Errorf("got %v and %v", ErrChecksum, Status(99))
	}
	if text := (PictureErrors{nil}).Error(); text != "retrieve: no picture failed" {
		t.Errorf("got %q", text)
	}
}
