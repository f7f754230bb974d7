package retrieve

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"context"
	"unsafe"
)

// Hit is one item that was found.
type Hit struct {
	ID    int64
	Score float32 // inner product of query and item
	Class int32   // of the item, -1 when it has none
}

// Pair is two items and their score; A was added before B.
type Pair struct {
	A, B  int64
	Score float32
	_     int32
}

// Hits and pairs lie in C's memory as in Go's.
var (
	_ [C.sizeof_rtv_hit]struct{}  = [unsafe.Sizeof(Hit{})]struct{}{}
	_ [C.sizeof_rtv_pair]struct{} = [unsafe.Sizeof(Pair{})]struct{}{}
)

// SearchOptions are what a search is restricted to.
type SearchOptions struct {
	Class          *int32                        // only items of this class
	PredictedClass *int32                        // only items that are predicted as this class
	OwnClass       bool                          // searchers: only items that are predicted as the class that is predicted for the query
	MinScore       *float32                      // only hits with at least this score
	ExcludeIDs     []int64                       // the item that each query must not find, usually itself; -1 for none
	OnlyIDs        []int64                       // only these items, unless nil
	OnlyBits       []byte                        // only items whose bit is set, id%8 of byte id/8, unless nil
	Filter         func(query int, hit Hit) bool // says whether an item may be a hit; asked from the best on
	Mode           Mode                          // searchers: of the network
	Progress       func(done, total int64)
}

func (o *SearchOptions) progress() func(done, total int64) {
	if o == nil {
		return nil
	}
	return o.Progress
}

// searchOptions are the options for C; n is the number of queries.
func (c *call) searchOptions(options *SearchOptions, n int) (*C.rtv_search_options, error) {
	o := new(C.rtv_search_options)
	C.rtv_search_options_init_sized(o, C.sizeof_rtv_search_options)
	o.progress, o.progress_user = c.watchProgress()
	if options == nil {
		return o, nil
	}
	if options.ExcludeIDs != nil && len(options.ExcludeIDs) != n {
		return nil, invalid(ErrInvalidArgument, "search: length of ExcludeIDs: got %d, expected %d", len(options.ExcludeIDs), n)
	}
	if options.Class != nil {
		o.class_id = C.int32_t(*options.Class)
	}
	if options.PredictedClass != nil {
		o.predicted_class = C.int32_t(*options.PredictedClass)
	}
	if options.OwnClass {
		o.predicted_class = C.RTV_PREDICTED_OWN
	}
	if options.MinScore != nil {
		o.min_score = C.float(*options.MinScore)
	}
	o.mode = C.int32_t(options.Mode)
	o.exclude_ids = (*C.int64_t)(share(&c.memory, options.ExcludeIDs))
	if options.OnlyIDs != nil {
		o.only_ids, o.num_only_ids = (*C.int64_t)(c.some(share(&c.memory, options.OnlyIDs))), C.int64_t(len(options.OnlyIDs))
	}
	if options.OnlyBits != nil {
		o.only_bits, o.num_only_bits = (*C.uint8_t)(c.some(share(&c.memory, options.OnlyBits))), 8*C.int64_t(len(options.OnlyBits))
	}
	if options.Filter != nil {
		c.filter = options.Filter
		o.filter, o.filter_user = C.rtv_filter_fn(C.rtvgo_filter), c.watch()
	}
	return o, nil
}

// some is an address also where there is nothing, which for C is something else than no address.
func (m *memory) some(p unsafe.Pointer) unsafe.Pointer {
	if p == nil {
		return m.allocate(0)
	}
	return p
}

// table is where the hits of n queries go, k for each.
type table struct {
	k      int
	hits   []Hit
	counts []C.int64_t
}

func (x *Index) table(n, k int) (*table, error) {
	k, err := x.room(k)
	if err != nil {
		return nil, err
	}
	return &table{k, make([]Hit, n*k), make([]C.int64_t, n)}, nil
}

// room is for how many hits of a query there has to be memory.
func (x *Index) room(k int) (int, error) {
	const plenty = 1 << 12 // more than that is rather a wish for all there is
	if k < 1 {
		return 0, invalid(ErrInvalidArgument, "index: k: got %d, expected at least 1", k)
	}
	if k > plenty {
		if count := x.Len(); k > count+plenty {
			k = count + plenty
		}
	}
	return k, nil
}

func (t *table) rows() [][]Hit {
	rows := make([][]Hit, len(t.counts))
	for i, count := range t.counts {
		first := i * t.k
		rows[i] = t.hits[first : first+int(count) : first+int(count)]
	}
	return rows
}

// Search finds the k items with the highest scores for each query, one behind the other in queries: score falling, then id rising. Where
// there are fewer items, there are fewer hits.
func (x *Index) Search(ctx context.Context, queries []float32, k int, options *SearchOptions) ([][]Hit, error) {
	n, err := x.vectorsIn("queries", queries)
	if err != nil {
		return nil, err
	}
	if n == 1 { // the most frequent search, with the least around it
		room, err := x.room(k)
		if err != nil {
			return nil, err
		}
		hits, err := x.SearchInto(ctx, queries, make([]Hit, room), options)
		if err != nil {
			return nil, err
		}
		return [][]Hit{hits}, nil
	}
	return x.search(ctx, n, k, options, func(t *table, o *C.rtv_search_options, e *C.rtv_error) {
		C.rtv_index_search(x.c, at[C.float](queries), C.int64_t(n), C.int64_t(t.k), o, at[C.rtv_hit](t.hits), at[C.int64_t](t.counts), e)
	})
}

// SearchIDs is as Search with items of the index as queries; an item does not find itself.
func (x *Index) SearchIDs(ctx context.Context, ids []int64, k int, options *SearchOptions) ([][]Hit, error) {
	return x.search(ctx, len(ids), k, options, func(t *table, o *C.rtv_search_options, e *C.rtv_error) {
		C.rtv_index_search_ids(x.c, at[C.int64_t](ids), C.int64_t(len(ids)), C.int64_t(t.k), o, at[C.rtv_hit](t.hits),
			at[C.int64_t](t.counts), e)
	})
}

// search is what ask finds for n queries.
func (x *Index) search(ctx context.Context, n, k int, options *SearchOptions,
	ask func(*table, *C.rtv_search_options, *C.rtv_error)) ([][]Hit, error) {
	t, err := x.table(n, k)
	if err != nil {
		return nil, err
	}
	err = x.run(ctx, n, options, func(_ *call, o *C.rtv_search_options, e *C.rtv_error) {
		if n > 0 {
			ask(t, o, e)
		}
	})
	if err != nil {
		return nil, err
	}
	return t.rows(), nil
}

// run calls ask with options for n queries.
func (x *Index) run(ctx context.Context, n int, options *SearchOptions, ask func(*call, *C.rtv_search_options, *C.rtv_error)) error {
	if err := x.use(); err != nil {
		return err
	}
	defer x.done()
	c, o, err := beginSearch(ctx, n, options)
	if err != nil {
		return err
	}
	var e C.rtv_error
	ask(c, o, &e)
	return c.end(failure(&e, ""))
}

// beginSearch starts a search for n queries; c.end is to follow, unless there is an error.
func beginSearch(ctx context.Context, n int, options *SearchOptions) (*call, *C.rtv_search_options, error) {
	c, err := begin(ctx, options.progress())
	if err != nil {
		return nil, nil, c.end(err)
	}
	o, err := c.searchOptions(options, n)
	if err != nil {
		return nil, nil, c.end(err)
	}
	return c, o, nil
}

// SearchInto finds the len(hits) best items for one query, in memory of the caller; it returns the part of hits that it wrote. Without
// options, and with a context that does not end, it allocates nothing.
func (x *Index) SearchInto(ctx context.Context, query []float32, hits []Hit, options *SearchOptions) ([]Hit, error) {
	if x.dim == 0 || len(query) != x.dim {
		return nil, invalid(ErrMismatch, "index: query: got %d floats, expected %d", len(query), x.dim)
	}
	if err := x.use(); err != nil {
		return nil, err
	}
	defer x.done()
	if options == nil && ctx.Done() == nil {
		return x.searchOne(query, hits, nil)
	}
	c, o, err := beginSearch(ctx, 1, options)
	if err != nil {
		return nil, err
	}
	found, err := x.searchOne(query, hits, o)
	if err := c.end(err); err != nil {
		return nil, err
	}
	return found, nil
}

func (x *Index) searchOne(query []float32, hits []Hit, o *C.rtv_search_options) ([]Hit, error) {
	e := C.rtvgo_index_search_one(unsafe.Pointer(x.c), at[C.float](query), C.int64_t(len(hits)), o, at[C.rtv_hit](hits))
	if e != nil {
		defer C.free(unsafe.Pointer(e))
		return nil, failure(e, "")
	}
	n := len(hits)
	for n > 0 && hits[n-1].ID < 0 {
		n--
	}
	return hits[:n], nil
}

// Blend is one query made of several: like this, unlike that. At least one vector or id is needed.
type Blend struct {
	Vectors       []float32
	VectorWeights []float32 // one for each vector, negative for "unlike"; nil: 1 each
	IDs           []int64   // items of the index
	IDWeights     []float32
	KeepLength    bool // the weighted sum is the query as it is; otherwise it is scaled to unit length
	KeepItems     bool // the items of IDs may be hits
}

// SearchBlend finds the k best items for a blend.
func (x *Index) SearchBlend(ctx context.Context, blend Blend, k int, options *SearchOptions) ([]Hit, error) {
	n, err := x.vectorsIn("blend", blend.Vectors)
	if err != nil {
		return nil, err
	}
	if blend.VectorWeights != nil && len(blend.VectorWeights) != n {
		return nil, invalid(ErrInvalidArgument, "blend: length of VectorWeights: got %d, expected %d", len(blend.VectorWeights), n)
	}
	if blend.IDWeights != nil && len(blend.IDWeights) != len(blend.IDs) {
		return nil, invalid(ErrInvalidArgument, "blend: length of IDWeights: got %d, expected %d", len(blend.IDWeights), len(blend.IDs))
	}
	var m memory
	defer m.free()
	b := new(C.rtv_blend)
	b.struct_size = C.sizeof_rtv_blend
	b.vectors, b.num_vectors = (*C.float)(share(&m, blend.Vectors)), C.int64_t(n)
	b.vector_weights = (*C.float)(share(&m, blend.VectorWeights))
	b.ids, b.num_ids = (*C.int64_t)(share(&m, blend.IDs)), C.int64_t(len(blend.IDs))
	b.id_weights = (*C.float)(share(&m, blend.IDWeights))
	b.keep_length, b.keep_items = toInt(blend.KeepLength), toInt(blend.KeepItems)
	rows, err := x.search(ctx, 1, k, options, func(t *table, o *C.rtv_search_options, e *C.rtv_error) {
		C.rtv_index_search_blend(x.c, b, C.int64_t(t.k), o, at[C.rtv_hit](t.hits), at[C.int64_t](t.counts), e)
	})
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}

// SearchRange finds, for each query, every item with at least the MinScore of the options.
func (x *Index) SearchRange(ctx context.Context, queries []float32, options *SearchOptions) ([][]Hit, error) {
	n, err := x.vectorsIn("queries", queries)
	if err != nil {
		return nil, err
	}
	rows := make([][]Hit, n)
	err = x.run(ctx, n, options, func(c *call, o *C.rtv_search_options, e *C.rtv_error) {
		c.hits = func(query int, hits []Hit) error {
			rows[query] = append(rows[query], hits...)
			return nil
		}
		C.rtv_index_search_range(x.c, at[C.float](queries), C.int64_t(n), o, C.rtv_hits_fn(C.rtvgo_hits), c.watch(), e)
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// Pairs finds every pair of items with at least the MinScore of the options, near-duplicates, each once. They are given to found as they
// come; what it returns ends the search.
func (x *Index) Pairs(ctx context.Context, options *SearchOptions, found func(pairs []Pair) error) error {
	return x.run(ctx, 0, options, func(c *call, o *C.rtv_search_options, e *C.rtv_error) {
		c.pairs = found
		C.rtv_index_pairs(x.c, o, C.rtv_pairs_fn(C.rtvgo_pairs), c.watch(), e)
	})
}

// Neighbors finds every item's k best among the others, in half the time that searching for each would take: the items, in the order in which
// they were added, and a row for each.
func (x *Index) Neighbors(ctx context.Context, k int, options *SearchOptions) ([]int64, [][]Hit, error) {
	for n := x.Len(); ; {
		ids := make([]int64, n)
		count := C.int64_t(0)
		rows, err := x.search(ctx, n, k, options, func(t *table, o *C.rtv_search_options, e *C.rtv_error) {
			C.rtv_index_neighbors(x.c, C.int64_t(t.k), o, at[C.int64_t](ids), at[C.rtv_hit](t.hits), at[C.int64_t](t.counts),
				C.int64_t(n), &count, e)
		})
		switch {
		case isTooSmall(err):
			n = int(count)
		case err != nil:
			return nil, nil, err
		default:
			return ids[:count], rows[:count], nil
		}
	}
}
