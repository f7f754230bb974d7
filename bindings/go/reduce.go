package retrieve

// #include "shim.h"
import "C"

import (
	"context"
	"runtime"
)

// ReduceOptions tell how an index gets fewer dimensions.
type ReduceOptions struct {
	Dim      int      // floats to keep of a vector
	Truncate bool     // the first ones; false: by a PCA
	Whiten   bool     // PCA: each coordinate is divided by its standard deviation
	Unscaled bool     // what is kept is not scaled to unit length
	Storage  *Storage // nil: as in the index
	FitItems int      // PCA: it is fitted on at most so many items, evenly spread; 0: 100,000
	Like     *Index   // not nil: its reduction is taken as it is, and none of the above but Storage counts
	Path     string   // a new file, open for writing; "": in memory
	Progress func(done, total int64)
}

// Reduce makes a new index of the same items with fewer dimensions. It is used like any other and with the same model: what it is given has
// as many floats as before and is reduced on its way in.
func (x *Index) Reduce(ctx context.Context, options ReduceOptions) (*Index, error) {
	var made *C.rtv_index
	o := options.in()
	if options.Like != nil {
		if err := options.Like.use(); err != nil {
			return nil, err
		}
		defer options.Like.done()
		o.like = options.Like.c
	}
	c, err := begin(ctx, options.Progress)
	if err == nil {
		o.progress, o.progress_user = c.watchProgress()
		if options.Path == "" {
			err = x.ask(func(e *C.rtv_error) { C.rtv_index_reduce(x.c, o, nil, &made, e) })
		} else {
			err = x.askFile(options.Path, func(path *C.char, e *C.rtv_error) { C.rtv_index_reduce(x.c, o, path, &made, e) })
		}
	}
	if err := c.end(err); err != nil {
		return nil, err
	}
	return adopt(made, func() {})
}

func (options *ReduceOptions) in() *C.rtv_reduce_options {
	o := new(C.rtv_reduce_options)
	C.rtv_reduce_options_init_sized(o, C.sizeof_rtv_reduce_options)
	o.kept_dim, o.whiten, o.normalize = clamp(options.Dim), toInt(options.Whiten), toInt(!options.Unscaled)
	if options.Truncate {
		o.method = C.RTV_REDUCE_TRUNCATE
	}
	if options.Storage != nil {
		o.storage = C.int32_t(*options.Storage + C.RTV_STORAGE_FLOAT32)
	}
	if options.FitItems != 0 {
		o.fit_items = C.int64_t(options.FitItems)
	}
	return o
}

// adopt is the handle of an index that was just made; after it is freed comes what else there is to do.
func adopt(c *C.rtv_index, after func()) (*Index, error) {
	x := &Index{c: c}
	x.own(func() {
		C.rtv_index_free(c)
		after()
	})
	runtime.SetFinalizer(x, (*Index).Close)
	info, err := x.Info()
	x.dim, x.kept = info.Dim, info.KeptDim
	return x, err
}

// Reduction tells how an index was reduced.
type Reduction struct {
	Truncated    bool // to the first floats; false: by a PCA
	Dim, KeptDim int
	Whiten       bool
	Unscaled     bool
	Variance     float64 // PCA: share of the fitted items' variance that lies in the kept directions
	FitItems     int64   // it was fitted on
}

// Reduction is how the index was reduced; nil when it was not.
func (x *Index) Reduction() (*Reduction, error) {
	info := C.rtv_reduction_info{struct_size: C.sizeof_rtv_reduction_info}
	err := x.ask(func(e *C.rtv_error) { C.rtv_reduction_info_get(x.c, &info, e) })
	if err != nil || info.method == 0 {
		return nil, err
	}
	return &Reduction{info.method == C.RTV_REDUCE_TRUNCATE, int(info.dim), int(info.kept_dim), info.whiten != 0, info.normalize == 0,
		float64(info.variance), int64(info.fit_items)}, nil
}
