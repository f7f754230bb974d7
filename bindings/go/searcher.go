package retrieve

// #include "shim.h"
import "C"

import (
	"context"
	"runtime"
)

// Accept says which vectors may be compared with those of a model, or of another index.
type Accept int32

const (
	AcceptOwn     Accept = C.RTV_ACCEPT_OWN     // made with this model
	AcceptAny     Accept = C.RTV_ACCEPT_ANY     // whatever they were made with
	AcceptParents Accept = C.RTV_ACCEPT_PARENTS // made with this model, or with the float32 model that it was quantized from
)

// SearcherOptions are what a [Searcher] is made with.
type SearcherOptions struct {
	Accept Accept // whose index is taken; it has the model's dimension
}

// Searcher is a model and an index together: pictures in, similar pictures out. They stay as long as it does, closed or not.
type Searcher struct {
	object
	c     *C.rtv_searcher
	model *Model
	index *Index
}

// NewSearcher makes a searcher. [ErrMismatch]: the index was made with another model.
func NewSearcher(model *Model, index *Index, options *SearcherOptions) (*Searcher, error) {
	if options == nil {
		options = &SearcherOptions{}
	}
	if err := model.use(); err != nil {
		return nil, err
	}
	if err := index.use(); err != nil {
		model.done()
		return nil, err
	}
	var c *C.rtv_searcher
	var e C.rtv_error
	if C.rtv_searcher_create(model.c, index.c, C.int32_t(options.Accept), &c, &e) != C.RTV_OK {
		index.done()
		model.done()
		return nil, failure(&e, "")
	}
	s := &Searcher{c: c, model: model, index: index}
	s.own(func() {
		C.rtv_searcher_free(c)
		index.done()
		model.done()
	})
	runtime.SetFinalizer(s, (*Searcher).Close)
	return s, nil
}

// Search finds the k most similar items for each picture. One bad picture fails alone: then the hits of the others come with [PictureErrors].
// With any other error there are none.
func (s *Searcher) Search(ctx context.Context, pictures []Picture, k int, options *SearchOptions) ([][]Hit, error) {
	if err := s.use(); err != nil {
		return nil, err
	}
	defer s.done()
	n := len(pictures)
	t, err := s.index.table(n, k)
	if err != nil {
		return nil, err
	}
	c, o, err := beginSearch(ctx, n, options)
	if err != nil {
		return nil, err
	}
	errors := make([]C.rtv_error, n+1) // never without an address: C tells by it that one picture may fail alone
	var e C.rtv_error
	if n > 0 {
		C.rtvgo_searcher_search(s.c, c.pictures(pictures), C.int64_t(n), C.int64_t(t.k), o, at[C.rtv_hit](t.hits), at[C.int64_t](t.counts),
			&errors[0], &e)
	}
	if err := c.end(failure(&e, "")); err != nil {
		return nil, err
	}
	return t.rows(), s.model.decoder.explain(errorsOf(pictures, errors))
}

// SearchOne finds the k most similar items for one picture.
func (s *Searcher) SearchOne(ctx context.Context, picture Picture, k int, options *SearchOptions) ([]Hit, error) {
	rows, err := s.Search(ctx, []Picture{picture}, k, options)
	if err != nil {
		return nil, alone(err)
	}
	return rows[0], nil
}

// Add embeds pictures and adds those that succeed to the index, in order, with their predicted classes; [PictureErrors] tells which were not.
// Of items, which may be nil, IDs, Keys, Classes and Payloads are taken. Without Keys, files are called by their paths.
func (s *Searcher) Add(ctx context.Context, pictures []Picture, items *Items, options *EmbedOptions) error {
	added := Items{}
	if items != nil {
		added = *items
	}
	if added.Keys == nil {
		added.Keys = make([]string, len(pictures))
		for i := range pictures {
			added.Keys[i] = pictures[i].path
		}
	}
	if err := added.checked(len(pictures)); err != nil {
		return err
	}
	if err := s.use(); err != nil {
		return err
	}
	defer s.done()
	c, err := begin(ctx, options.progress())
	if err != nil {
		return c.end(err)
	}
	errors := make([]C.rtv_error, len(pictures)+1)
	var e C.rtv_error
	C.rtvgo_searcher_add(s.c, c.pictures(pictures), C.int64_t(len(pictures)), at[C.int64_t](added.IDs), c.texts(added.Keys),
		at[C.int32_t](added.Classes), c.payloads(added.Payloads), c.embedOptions(options), &errors[0], &e)
	if err := c.end(failure(&e, "")); err != nil {
		return err
	}
	return s.model.decoder.explain(errorsOf(pictures, errors))
}
