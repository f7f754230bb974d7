package retrieve

// #include "shim.h"
import "C"

import (
	"context"
	"unsafe"
)

// Items are what is added to an index, n of them; all but Vectors may be nil.
type Items struct {
	Vectors   []float32 // n of the index's dimension; of unit length, if scores are to be cosines
	IDs       []int64   // 0 and above; nil: one more than the largest so far, on and on
	Keys      []string  // what the items are called, for example paths; empty for none
	Classes   []int32   // -1 for none
	Predicted []int32   // predicted classes, -1 for none
	Payloads  [][]byte  // kept with the items and given back by Payload; at most 64 KiB each
}

// checked answers an error when there are not n of everything, or when C would see only a part of a key.
func (items *Items) checked(n int) error {
	for _, part := range []struct {
		name   string
		length int
		given  bool
	}{
		{"IDs", len(items.IDs), items.IDs != nil},
		{"Keys", len(items.Keys), items.Keys != nil},
		{"Classes", len(items.Classes), items.Classes != nil},
		{"Predicted", len(items.Predicted), items.Predicted != nil},
		{"Payloads", len(items.Payloads), items.Payloads != nil},
	} {
		if part.given && part.length != n {
			return invalid(ErrInvalidArgument, "items: length of %s: got %d, expected %d", part.name, part.length, n)
		}
	}
	return whole("key", items.Keys...)
}

func (m *memory) payloads(payloads [][]byte) *C.rtv_bytes {
	if payloads == nil {
		return nil
	}
	array := zeros[C.rtv_bytes](m, len(payloads))
	for i, payload := range payloads {
		array[i].data, array[i].size_bytes = share(m, payload), C.uint64_t(len(payload))
	}
	return at[C.rtv_bytes](array)
}

// Add adds items, all or none. [ErrExists]: an id is there already, or comes twice.
func (x *Index) Add(items Items) error { return x.put(items, false) }

// Replace is as Add, but an item whose id is there already takes its place; IDs are needed.
func (x *Index) Replace(items Items) error { return x.put(items, true) }

func (x *Index) put(items Items, replace bool) error {
	n, err := x.vectorsIn("vectors", items.Vectors)
	if err == nil {
		err = items.checked(n)
	}
	if err != nil {
		return err
	}
	var m memory
	defer m.free()
	return x.ask(func(e *C.rtv_error) {
		C.rtvgo_index_add(x.c, toInt(replace), at[C.float](items.Vectors), at[C.int64_t](items.IDs), m.texts(items.Keys),
			at[C.int32_t](items.Classes), at[C.int32_t](items.Predicted), m.payloads(items.Payloads), C.int64_t(n), e)
	})
}

// vectorsIn is how many vectors of the index's dimension there are.
func (x *Index) vectorsIn(what string, values []float32) (int, error) {
	if x.dim == 0 {
		return 0, ErrClosed // never opened
	}
	if len(values)%x.dim != 0 {
		return 0, invalid(ErrMismatch, "index: %s: got %d floats, expected a multiple of %d", what, len(values), x.dim)
	}
	return len(values) / x.dim, nil
}

// Remove removes items by id, and tells how many there were; one that is not there is no error.
func (x *Index) Remove(ids ...int64) (int, error) {
	var removed C.int64_t
	err := x.ask(func(e *C.rtv_error) { C.rtv_index_remove(x.c, at[C.int64_t](ids), C.int64_t(len(ids)), &removed, e) })
	return int(removed), err
}

// Merge adds the items of another index, with their ids or, for newIDs, with ids after the largest. Classes with names keep their names.
func (x *Index) Merge(other *Index, newIDs bool) error {
	if err := other.use(); err != nil {
		return err
	}
	defer other.done()
	return x.ask(func(e *C.rtv_error) { C.rtv_index_merge(x.c, other.c, toInt(newIDs), e) })
}

// Key is what an item is called; empty when it has no key.
func (x *Index) Key(id int64) (string, error) {
	return x.askText(func(text *C.char, capacity C.uint64_t, size *C.uint64_t, e *C.rtv_error) {
		C.rtv_index_key(x.c, C.int64_t(id), text, capacity, size, e)
	})
}

// Find is the id of the item with this key, the smallest when there are several; [ErrNotFound] when there is none.
func (x *Index) Find(key string) (int64, error) {
	var id C.int64_t
	err := x.askName(key, func(key *C.char, e *C.rtv_error) { C.rtv_index_find(x.c, key, &id, e) })
	return int64(id), err
}

// Payload is what was added with an item.
func (x *Index) Payload(id int64) ([]byte, error) {
	var size C.uint64_t
	payload := make([]byte, C.RTV_PAYLOAD_MAX)
	err := x.ask(func(e *C.rtv_error) {
		C.rtv_index_payload(x.c, C.int64_t(id), dataOf(payload), C.uint64_t(len(payload)), &size, e)
	})
	if err != nil {
		return nil, err
	}
	return append([]byte(nil), payload[:size]...), nil
}

// VectorsOf are the vectors of items, as they are kept, [IndexInfo].KeptDim floats each.
func (x *Index) VectorsOf(ids ...int64) ([]float32, error) {
	vectors := make([]float32, len(ids)*x.kept)
	err := x.ask(func(e *C.rtv_error) {
		C.rtv_index_vectors(x.c, at[C.int64_t](ids), C.int64_t(len(ids)), at[C.float](vectors), e)
	})
	return vectors, err
}

// IDs are the ids of all items, in the order in which they were added.
func (x *Index) IDs() ([]int64, error) {
	for count := C.int64_t(x.Len()); ; {
		ids := make([]int64, count)
		err := x.ask(func(e *C.rtv_error) { C.rtv_index_ids(x.c, at[C.int64_t](ids), C.int64_t(len(ids)), &count, e) })
		if !isTooSmall(err) {
			return ids[:count], err
		}
	}
}

// isTooSmall tells whether there are more results than there was room for: somebody added items meanwhile.
func isTooSmall(err error) bool {
	e, ok := err.(*Error)
	return ok && e.Status == ErrTooSmall
}

// Item is one item of an index.
type Item struct {
	ID             int64
	Class          int32 // -1 for none
	PredictedClass int32 // -1 for none
	Key            string
	Payload        []byte    // the next item comes in the same memory:
	Vector         []float32 // copy what is to stay
}

// Visit calls a function for every item of one state, in the order in which they were added. What it returns ends the visit.
func (x *Index) Visit(visit func(item *Item) error) error {
	if err := x.use(); err != nil {
		return err
	}
	defer x.done()
	c, _ := begin(context.Background(), nil)
	item := Item{Vector: make([]float32, x.kept)}
	c.visit = func(from *C.rtv_item) error {
		item.ID, item.Class, item.PredictedClass = int64(from.id), int32(from.class_id), int32(from.predicted_class)
		item.Key = C.GoStringN(from.key, C.int(from.key_bytes))
		item.Payload = append(item.Payload[:0], unsafe.Slice((*byte)(from.payload.data), int(from.payload.size_bytes))...)
		copy(item.Vector, unsafe.Slice((*float32)(from.vector), x.kept))
		return visit(&item)
	}
	var e C.rtv_error
	C.rtv_index_visit(x.c, C.rtv_visit_fn(C.rtvgo_visit), c.watch(), &e)
	return c.end(failure(&e, ""))
}

// VectorFormat is a kind of file that others keep vectors in.
type VectorFormat int32

const (
	NPY   VectorFormat = C.RTV_VECTORS_NPY // NumPy
	FVecs VectorFormat = C.RTV_VECTORS_FVECS
	Faiss VectorFormat = C.RTV_VECTORS_FAISS // IndexFlatIP; with ids in an IndexIDMap
)

// Export writes the vectors to a file for others, in the order of IDs.
func (x *Index) Export(path string, format VectorFormat, withIDs bool) error {
	return x.askFile(path, func(path *C.char, e *C.rtv_error) {
		C.rtv_index_export(x.c, path, C.int32_t(format), toInt(withIDs), e)
	})
}

// Import adds the vectors of a .npy, .fvecs or .ivecs file, of faiss's flat index, or of the feature database of the CGD code, with the ids,
// keys and classes that the file has.
func (x *Index) Import(path string) error {
	return x.askFile(path, func(path *C.char, e *C.rtv_error) {
		var vectors *C.rtv_vectors
		if C.rtv_vectors_open(path, nil, &vectors, e) == C.RTV_OK {
			C.rtv_index_import(x.c, vectors, nil, nil, e)
			C.rtv_vectors_free(vectors)
		}
	})
}
