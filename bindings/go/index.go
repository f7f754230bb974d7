package retrieve

// #include "shim.h"
import "C"

import "context"

// Storage says how an index keeps vectors; what is searched, scored and given back is what is kept.
type Storage int32

const (
	Float32 Storage = C.RTV_STORAGE_FLOAT32 - C.RTV_STORAGE_FLOAT32
	Float16 Storage = C.RTV_STORAGE_FLOAT16 - C.RTV_STORAGE_FLOAT32 // half the memory
	Int8    Storage = C.RTV_STORAGE_INT8 - C.RTV_STORAGE_FLOAT32    // a quarter: codes of 8 bits and a scale for each vector
)

// IndexOptions are what a new [Index] is made with; Dim or Model is needed.
type IndexOptions struct {
	Dim       int      // floats in a vector; 0: the model's
	Model     *Model   // whose descriptors these will be: other models are refused later
	Storage   Storage  // Float32
	Normalize bool     // divide vectors by their lengths when they are added
	Runtime   *Runtime // nil: one of the index's own
}

// OpenOptions are how an index file is opened.
type OpenOptions struct {
	// Writable opens it for changes that Commit makes durable, by one writer at a time. Otherwise changes stay in memory.
	Writable bool
	Runtime  *Runtime // nil: one of the index's own
}

// Index holds items of an id, a vector, and, each optional, a key, a class, a predicted class and a payload of bytes. Every call sees one
// consistent state; searches never wait for a change.
type Index struct {
	object
	c    *C.rtv_index
	dim  int // of what is given
	kept int // of what is kept; less in a reduced index
}

// NewIndex makes an empty index in memory.
func NewIndex(options *IndexOptions) (*Index, error) { return createIndex("", options) }

// CreateIndex makes a new index file, open for writing. It is [ErrExists] when there is a file.
func CreateIndex(path string, options *IndexOptions) (*Index, error) {
	if path == "" {
		return nil, invalid(ErrInvalidArgument, "index: path: got none, expected the name of a file")
	}
	return createIndex(path, options)
}

func createIndex(path string, options *IndexOptions) (*Index, error) {
	if options == nil {
		options = &IndexOptions{}
	}
	var m memory
	defer m.free()
	o := new(C.rtv_index_options)
	C.rtv_index_options_init_sized(o, C.sizeof_rtv_index_options)
	o.dim, o.storage, o.normalize = clamp(options.Dim), C.int32_t(options.Storage+C.RTV_STORAGE_FLOAT32), toInt(options.Normalize)
	if options.Model != nil {
		if err := options.Model.use(); err != nil {
			return nil, err
		}
		defer options.Model.done()
		o.model = options.Model.c
	}
	return makeIndex(path, options.Runtime, func(name *C.char, rt *C.rtv_runtime, index **C.rtv_index, e *C.rtv_error) {
		if path == "" {
			C.rtv_index_create_with(o, rt, index, e)
		} else {
			C.rtv_index_create_file(name, o, rt, index, e)
		}
	})
}

// OpenIndex opens an index file as its last commit left it. It is mapped: opening reads no vectors.
func OpenIndex(path string, options *OpenOptions) (*Index, error) {
	if options == nil {
		options = &OpenOptions{}
	}
	return makeIndex(path, options.Runtime, func(name *C.char, rt *C.rtv_runtime, index **C.rtv_index, e *C.rtv_error) {
		if options.Writable {
			C.rtv_index_open_writable(name, rt, index, e)
		} else {
			C.rtv_index_open(name, rt, index, e)
		}
	})
}

// OpenIndexBytes opens what is in an index file.
func OpenIndexBytes(data []byte, options *OpenOptions) (*Index, error) {
	if options == nil {
		options = &OpenOptions{}
	}
	if options.Writable {
		return nil, invalid(ErrInvalidArgument, "index: Writable: got true, expected false for bytes in memory")
	}
	return makeIndex("", options.Runtime, func(_ *C.char, rt *C.rtv_runtime, index **C.rtv_index, e *C.rtv_error) {
		C.rtv_index_open_bytes(dataOf(data), C.uint64_t(len(data)), rt, index, e)
	})
}

// makeIndex is the index that create makes.
func makeIndex(path string, rt *Runtime, create func(*C.char, *C.rtv_runtime, **C.rtv_index, *C.rtv_error)) (*Index, error) {
	if err := rt.hold(); err != nil {
		return nil, err
	}
	var c *C.rtv_index
	if err := withPath(path, func(name *C.char, e *C.rtv_error) { create(name, rt.pointer(), &c, e) }); err != nil {
		rt.release()
		return nil, err
	}
	return adopt(c, rt.release)
}

// VerifyIndex reads a whole index file and checks all of it; the error names what is damaged, and where.
func VerifyIndex(ctx context.Context, path string, progress func(done, total int64)) error {
	c, err := begin(ctx, progress)
	if err == nil {
		f, user := c.watchProgress()
		err = withPath(path, func(path *C.char, e *C.rtv_error) { C.rtv_index_verify(path, nil, f, user, e) })
	}
	return c.end(err)
}

// Save writes the whole index to a file of its own, and replaces what is there at once.
func (x *Index) Save(path string) error {
	return x.askFile(path, func(path *C.char, e *C.rtv_error) { C.rtv_index_save(x.c, path, e) })
}

// Commit makes every change since the last commit durable, all or nothing. What was not committed is dropped by Close.
func (x *Index) Commit() error {
	return x.ask(func(e *C.rtv_error) { C.rtv_index_commit(x.c, e) })
}

// Compact gives the space of removed and replaced items back; over a file that is open for writing, with a commit.
func (x *Index) Compact() error {
	return x.ask(func(e *C.rtv_error) { C.rtv_index_compact(x.c, e) })
}

// IndexInfo is what an index is.
type IndexInfo struct {
	Dim          int    // floats of a vector as it is given
	KeptDim      int    // floats of a vector as it is kept; fewer in a reduced index
	Count        int    // items
	Fingerprint  string // of the model whose descriptors these are; empty for none
	ModelName    string
	Storage      Storage
	Normalize    bool
	Writable     bool
	HasClasses   bool
	HasPredicted bool
	NumClasses   int     // names of classes
	NumPredicted int     // names of predicted classes
	MinScore     float32 // as set by SetMinScore; minus infinity for none
	Format       int     // of the file
	NumSegments  int     // pieces it lies in
	NumRemoved   int64   // items that are removed and still take space
	MemoryBytes  int64
	FileBytes    int64 // of the file as committed; 0 in memory
	ReclaimBytes int64 // of these, what Compact would give back, about
	Uncommitted  int64 // items added since the last commit
	Commits      uint64
}

// Info tells what the index is.
func (x *Index) Info() (IndexInfo, error) {
	info := C.rtv_index_info{struct_size: C.sizeof_rtv_index_info}
	err := x.ask(func(e *C.rtv_error) { C.rtv_index_info_get(x.c, &info, e) })
	return IndexInfo{
		Dim:          int(info.dim),
		KeptDim:      int(info.kept_dim),
		Count:        int(info.count),
		Fingerprint:  C.GoString(&info.fingerprint[0]),
		ModelName:    C.GoString(&info.model_name[0]),
		Storage:      Storage(info.storage - C.RTV_STORAGE_FLOAT32),
		Normalize:    info.normalize != 0,
		Writable:     info.writable != 0,
		HasClasses:   info.has_classes != 0,
		HasPredicted: info.has_predicted != 0,
		NumClasses:   int(info.num_classes),
		NumPredicted: int(info.num_predicted),
		MinScore:     float32(info.min_score),
		Format:       int(info.format),
		NumSegments:  int(info.num_segments),
		NumRemoved:   int64(info.num_removed),
		MemoryBytes:  int64(info.memory_bytes),
		FileBytes:    int64(info.file_bytes),
		ReclaimBytes: int64(info.reclaim_bytes),
		Uncommitted:  int64(info.uncommitted),
		Commits:      uint64(info.commits),
	}, err
}

// Dim is how many floats a vector has as it is given; a reduced index keeps fewer, [IndexInfo].KeptDim.
func (x *Index) Dim() int { return x.dim }

// Len is how many items there are; 0 when the index is closed.
func (x *Index) Len() int {
	info, _ := x.Info()
	return info.Count
}

// SetMinScore keeps with the index the score below which nothing is similar, for the application: see [IndexInfo].
func (x *Index) SetMinScore(score float32) error {
	return x.ask(func(e *C.rtv_error) { C.rtv_index_set_min_score(x.c, C.float(score), e) })
}

// ClassKind says which classes are meant.
type ClassKind int32

const (
	Labels    ClassKind = C.RTV_CLASSES_LABEL     // the classes that items have
	Predicted ClassKind = C.RTV_CLASSES_PREDICTED // those that a model sees in them
)

// SetClassNames names the classes 0, 1, 2 and so on.
func (x *Index) SetClassNames(kind ClassKind, names ...string) error {
	if err := whole("class name", names...); err != nil {
		return err
	}
	var m memory
	defer m.free()
	return x.ask(func(e *C.rtv_error) {
		C.rtv_index_set_class_names(x.c, C.int32_t(kind), m.texts(names), C.int64_t(len(names)), e)
	})
}

// ClassName is the name of a class; [ErrNotFound] when it has none.
func (x *Index) ClassName(kind ClassKind, class int32) (string, error) {
	return x.askText(func(text *C.char, capacity C.uint64_t, size *C.uint64_t, e *C.rtv_error) {
		C.rtv_index_class_name(x.c, C.int32_t(kind), C.int32_t(class), text, capacity, size, e)
	})
}

// ClassID is the number of a class's name; [ErrNotFound] when there is none.
func (x *Index) ClassID(kind ClassKind, name string) (int32, error) {
	var class C.int32_t
	err := x.askName(name, func(name *C.char, e *C.rtv_error) { C.rtv_index_class_id(x.c, C.int32_t(kind), name, &class, e) })
	return int32(class), err
}
