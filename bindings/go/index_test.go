package retrieve

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// alphabet is an index of five items in two dimensions, the angles of which grow.
func alphabet(t testing.TB) *Index {
	t.Helper()
	return indexOf(t, 2, Items{
		Vectors:   []float32{1, 0, 0.75, 0.5, 0.5, 0.5, 0.25, 0.75, 0, 1},
		IDs:       []int64{10, 11, 12, 13, 14},
		Keys:      []string{"a", "b", "", "d", "e"},
		Classes:   []int32{0, 1, 0, 1, -1},
		Predicted: []int32{1, 1, 0, 0, 0},
		Payloads:  [][]byte{[]byte("first"), nil, {0, 255}, {}, []byte("last")},
	})
}

func TestItems(t *testing.T) {
	x := alphabet(t)
	if x.Len() != 5 || x.Dim() != 2 {
		t.Errorf("got %d items of %d", x.Len(), x.Dim())
	}
	key, err := x.Key(13)
	if err != nil || key != "d" {
		t.Errorf("got %q, %v", key, err)
	}
	if key, err := x.Key(12); err != nil || key != "" {
		t.Errorf("got %q, %v", key, err)
	}
	_, err = x.Key(99)
	refuses(t, err, ErrNotFound, "99")
	if id, err := x.Find("e"); err != nil || id != 14 {
		t.Errorf("got %d, %v", id, err)
	}
	_, err = x.Find("z")
	refuses(t, err, ErrNotFound, "")
	_, err = x.Find("a\x00")
	refuses(t, err, ErrInvalidArgument, "NUL")
	if payload, err := x.Payload(12); err != nil || string(payload) != "\x00\xff" {
		t.Errorf("got %q, %v", payload, err)
	}
	if vectors, err := x.VectorsOf(14, 11); err != nil || !reflect.DeepEqual(vectors, []float32{0, 1, 0.75, 0.5}) {
		t.Errorf("got %v, %v", vectors, err)
	}
	_, err = x.VectorsOf(14, 99)
	refuses(t, err, ErrNotFound, "99")
	if ids, err := x.IDs(); err != nil || !reflect.DeepEqual(ids, []int64{10, 11, 12, 13, 14}) {
		t.Errorf("got %v, %v", ids, err)
	}
	fatal(t, x.Replace(Items{Vectors: []float32{3, 4}, IDs: []int64{12}}))
	removed, err := x.Remove(10, 99, 11)
	if err != nil || removed != 2 || x.Len() != 3 {
		t.Errorf("removed %d, %v, left %d", removed, err, x.Len())
	}
	fatal(t, x.Compact())
	other := indexOf(t, 2, Items{Vectors: []float32{9, 9}, IDs: []int64{13}})
	refuses(t, x.Merge(other, false), ErrExists, "13")
	fatal(t, x.Merge(other, true))
	if ids, _ := x.IDs(); ids[len(ids)-1] != 15 {
		t.Errorf("got %v, expected 15 at the end", ids)
	}
}

func TestBadItems(t *testing.T) {
	x := alphabet(t)
	refuses(t, x.Add(Items{Vectors: make([]float32, 3)}), ErrMismatch, "got 3 floats, expected a multiple of 2")
	refuses(t, x.Add(Items{Vectors: make([]float32, 4), IDs: []int64{1}}), ErrInvalidArgument, "length of IDs: got 1, expected 2")
	refuses(t, x.Add(Items{Vectors: make([]float32, 4), Keys: []string{}}), ErrInvalidArgument, "length of Keys: got 0, expected 2")
	refuses(t, x.Add(Items{Vectors: make([]float32, 2), Keys: []string{"a\x00b"}}), ErrInvalidArgument, "NUL")
	refuses(t, x.Add(Items{Vectors: make([]float32, 2), Keys: []string{"a\xff"}}), ErrInvalidArgument, "")
	refuses(t, x.Add(Items{Vectors: make([]float32, 2), Payloads: [][]byte{make([]byte, 1<<17)}}), ErrInvalidArgument, "payload")
	refuses(t, x.Add(Items{Vectors: []float32{1, float32(math.NaN())}}), ErrInvalidArgument, "")
	refuses(t, x.Replace(Items{Vectors: make([]float32, 2)}), ErrInvalidArgument, "ids")
	if x.Len() != 5 {
		t.Errorf("got %d items, expected 5 as before", x.Len())
	}
	fatal(t, x.Add(Items{}))
	_, err := NewIndex(nil)
	refuses(t, err, ErrInvalidArgument, "dim")
	_, err = NewIndex(&IndexOptions{Dim: 1 << 40})
	refuses(t, err, ErrInvalidArgument, "dim")
	_, err = NewIndex(&IndexOptions{Dim: 2, Storage: 7})
	refuses(t, err, ErrInvalidArgument, "storage")
}

func TestVisit(t *testing.T) {
	x := alphabet(t)
	var keys []string
	var payloads string
	sum := float32(0)
	fatal(t, x.Visit(func(item *Item) error {
		keys = append(keys, item.Key)
		payloads += string(item.Payload)
		sum += item.Vector[0]
		return nil
	}))
	if !reflect.DeepEqual(keys, []string{"a", "b", "", "d", "e"}) || payloads != "first\x00\xfflast" || sum != 2.5 {
		t.Errorf("got %v, %q, %v", keys, payloads, sum)
	}
	if err := x.Visit(func(item *Item) error { return os.ErrPermission }); err != os.ErrPermission {
		t.Errorf("got %v, expected the callback's own error", err)
	}
	if value := panics(func() { x.Visit(func(item *Item) error { panic(item.ID) }) }); value != int64(10) {
		t.Errorf("got the panic %v", value)
	}
}

func TestClassNames(t *testing.T) {
	x := alphabet(t)
	fatal(t, x.SetClassNames(Labels, "ant", "bee"))
	if name, err := x.ClassName(Labels, 1); err != nil || name != "bee" {
		t.Errorf("got %q, %v", name, err)
	}
	if id, err := x.ClassID(Labels, "ant"); err != nil || id != 0 {
		t.Errorf("got %d, %v", id, err)
	}
	_, err := x.ClassName(Predicted, 1)
	refuses(t, err, ErrNotFound, "")
	_, err = x.ClassID(Labels, "cow")
	refuses(t, err, ErrNotFound, "")
	refuses(t, x.SetClassNames(Labels, "a\x00"), ErrInvalidArgument, "NUL")
	fatal(t, x.SetMinScore(0.5))
	refuses(t, x.SetMinScore(float32(math.NaN())), ErrInvalidArgument, "")
	info, err := x.Info()
	if err != nil || info.NumClasses != 2 || info.MinScore != 0.5 || !info.HasPredicted || info.Storage != Float32 {
		t.Errorf("got %+v, %v", info, err)
	}
}

func TestIndexFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.rtvx")
	x, err := CreateIndex(path, &IndexOptions{Dim: 2, Storage: Float16, Normalize: true})
	fatal(t, err)
	_, err = CreateIndex(path, &IndexOptions{Dim: 2})
	refuses(t, err, ErrExists, "x.rtvx")
	_, err = CreateIndex("", &IndexOptions{Dim: 2})
	refuses(t, err, ErrInvalidArgument, "path")
	fatal(t, x.Add(Items{Vectors: []float32{3, 4}}))
	_, err = OpenIndex(path, &OpenOptions{Writable: true})
	refuses(t, err, ErrBusy, "")
	reader, err := OpenIndex(path, nil)
	fatal(t, err)
	if reader.Len() != 0 {
		t.Error("what was not committed shows")
	}
	refuses(t, reader.Commit(), ErrState, "")
	fatal(t, reader.Close())
	fatal(t, x.Commit())
	fatal(t, x.Close())

	x, err = OpenIndex(path, &OpenOptions{Writable: true})
	fatal(t, err)
	info, err := x.Info()
	if err != nil || info.Count != 1 || info.Storage != Float16 || !info.Normalize || !info.Writable || info.FileBytes == 0 {
		t.Errorf("got %+v, %v", info, err)
	}
	fatal(t, x.Close())
	calls := 0
	fatal(t, VerifyIndex(ctx, path, func(done, total int64) { calls++ }))
	if calls == 0 {
		t.Error("no progress was told")
	}

	data, err := os.ReadFile(path)
	fatal(t, err)
	_, err = OpenIndexBytes(data, &OpenOptions{Writable: true})
	refuses(t, err, ErrInvalidArgument, "Writable")
	x, err = OpenIndexBytes(data, nil)
	fatal(t, err)
	fatal(t, x.Close())
	data[len(data)-1] ^= 1
	fatal(t, os.WriteFile(path, data, 0o666))
	err = VerifyIndex(ctx, path, nil)
	var e *Error
	if !errors.As(err, &e) || e.Path != path {
		t.Errorf("got %v, expected an error of %s", err, path)
	}
	_, err = OpenIndex("no\x00such", nil)
	refuses(t, err, ErrInvalidArgument, "NUL")
	_, err = OpenIndex("\xff\xfe", nil) // any bytes are the name of a file
	refuses(t, err, os.ErrNotExist, "")
}

func TestExportAndImport(t *testing.T) {
	x := alphabet(t)
	folder := t.TempDir()
	fatal(t, x.Export(folder+"/a.npy", NPY, false))
	fatal(t, x.Export(folder+"/a.faiss", Faiss, true))
	refuses(t, x.Export(folder, NPY, false), ErrIO, "")
	again := indexOf(t, 2, Items{})
	fatal(t, again.Import(folder+"/a.faiss"))
	if ids, _ := again.IDs(); !reflect.DeepEqual(ids, []int64{10, 11, 12, 13, 14}) {
		t.Errorf("got %v", ids)
	}
	fatal(t, again.Import(folder+"/a.npy"))
	if again.Len() != 10 {
		t.Errorf("got %d items, expected 10", again.Len())
	}
	refuses(t, again.Import(folder+"/b.npy"), os.ErrNotExist, "b.npy")
	refuses(t, indexOf(t, 3, Items{}).Import(folder+"/a.npy"), ErrMismatch, "")
}

func TestReduce(t *testing.T) {
	const n, dim, kept = 40, 8, 3
	vectors := unitVectors(n, dim)
	x := indexOf(t, dim, Items{Vectors: vectors})
	path := filepath.Join(t.TempDir(), "small.rtvx")
	small, err := x.Reduce(context.Background(), ReduceOptions{Dim: kept, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	reduction, err := small.Reduction()
	if err != nil || reduction.Dim != dim || reduction.KeptDim != kept || reduction.FitItems != n || !(reduction.Variance > 0) {
		t.Errorf("got %v, %v", reduction, err)
	}
	if reduction, err := x.Reduction(); err != nil || reduction != nil {
		t.Errorf("got %v, %v", reduction, err)
	}
	all, err := small.VectorsOf(0, 1)
	if err != nil || len(all) != 2*kept {
		t.Errorf("got %v, %v", all, err)
	}
	seen := 0
	err = small.Visit(func(item *Item) error {
		if len(item.Vector) != kept || item.ID < 2 && !reflect.DeepEqual(item.Vector, all[int(item.ID)*kept:][:kept]) {
			t.Errorf("got %v of item %d", item.Vector, item.ID)
		}
		seen++
		return nil
	})
	if err != nil || seen != n {
		t.Errorf("got %d items, %v", seen, err)
	}
	hits, err := small.Search(context.Background(), vectors[:dim], 1, nil)
	if err != nil || hits[0][0].ID != 0 {
		t.Errorf("got %v, %v", hits, err)
	}
	like, err := x.Reduce(context.Background(), ReduceOptions{Like: small})
	if err != nil {
		t.Fatal(err)
	}
	defer like.Close()
	cut, err := x.Reduce(context.Background(), ReduceOptions{Dim: 2, Truncate: true, Unscaled: true})
	if err != nil {
		t.Fatal(err)
	}
	defer cut.Close()
	if first, err := cut.VectorsOf(0); err != nil || !reflect.DeepEqual(first, vectors[:2]) {
		t.Errorf("got %v, %v", first, err)
	}
	_, err = x.Reduce(context.Background(), ReduceOptions{Dim: dim + 1})
	refuses(t, err, ErrInvalidArgument, "kept_dim")
	_, err = x.Reduce(context.Background(), ReduceOptions{Dim: kept, Path: path})
	refuses(t, err, ErrExists, "small.rtvx")
	ctx, cancel := context.WithCancel(context.Background())
	_, err = x.Reduce(ctx, ReduceOptions{Dim: kept, Progress: func(done, total int64) { cancel() }})
	refuses(t, err, ErrCancelled, "")
}
