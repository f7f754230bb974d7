package retrieve

// #include "shim.h"
import "C"

import (
	"context"
	"runtime"
	"sync"
	"unsafe"
)

// Preset says where activations with a sign get their zero point.
type Preset int32

const (
	Mixed       Preset = C.RTV_PRESET_MIXED       // where it fits their range best
	Performance Preset = C.RTV_PRESET_PERFORMANCE // in the middle
)

// Estimator is the way from what the pictures' activations were to the range that codes cover.
type Estimator int32

const (
	MeanMinMax   Estimator = C.RTV_ESTIMATOR_MEAN_MIN_MAX // mean over pictures of each one's minimum and maximum
	MinMax       Estimator = C.RTV_ESTIMATOR_MIN_MAX
	Median       Estimator = C.RTV_ESTIMATOR_MEDIAN
	Quantile     Estimator = C.RTV_ESTIMATOR_QUANTILE
	NoOutliers   Estimator = C.RTV_ESTIMATOR_NO_OUTLIERS
	SquaredError Estimator = C.RTV_ESTIMATOR_SQUARED_ERROR
)

// Weights is how weights become codes. All but NearestWeights are exact on every processor.
type Weights int32

const (
	CompensatedWeights Weights = C.RTV_WEIGHTS_COMPENSATED
	PairSafeWeights    Weights = C.RTV_WEIGHTS_PAIR_SAFE
	HalfRangeWeights   Weights = C.RTV_WEIGHTS_HALF_RANGE
	NearestWeights     Weights = C.RTV_WEIGHTS_NEAREST
)

// BiasCorrection is what is done about the shift of a layer's mean output.
type BiasCorrection int32

const (
	FastBias BiasCorrection = iota // predicted from float32 activations
	FullBias                       // from those of the quantized network; some ten times slower
	NoBias
)

// Scope says which layers of a network are meant. The zero value of Kind is a layer's whole name.
type Scope struct {
	Kind ScopeKind
	Text string
	To   string // ScopeSubgraph
}

// ScopeKind is what the text of a [Scope] is.
type ScopeKind int32

const (
	ScopeName     ScopeKind = C.RTV_SCOPE_NAME
	ScopeRegexp   ScopeKind = C.RTV_SCOPE_REGEX    // POSIX extended, for the whole name
	ScopeOp       ScopeKind = C.RTV_SCOPE_OP       // "conv", "linear" ...
	ScopeSubgraph ScopeKind = C.RTV_SCOPE_SUBGRAPH // all on a way from the value Text to the value To
)

// QuantizerOptions are the settings of a [Quantizer]; docs/quantization.md explains them.
type QuantizerOptions struct {
	Preset            Preset
	Estimator         Estimator
	Weights           Weights
	BiasCorrection    BiasCorrection
	Equalize          bool    // even out the channels between two convolutions first
	QuantizeAuxiliary bool    // what only the class scores need runs in int8 too
	DropAuxiliary     bool    // no class scores
	RelaxedScopes     bool    // a scope that matches nothing is no error
	MomentSamples     int     // pictures that compensated weights look at; 0: 32
	MaxSamples        int     // pictures that can be added; 0: 300
	Ignored           []Scope // layers that stay in float32
	// JSON has the same settings, as Settings gives them, and others for single layers. What is there counts more than the above.
	JSON     string
	Progress func(done, total int64) // of Add, AddFrom, SaveStatistics and Finish
}

// Quantizer collects pictures and makes quantized models of them. One goroutine at a time: a second one gets [ErrBusy].
type Quantizer struct {
	object
	c        *C.rtv_quantizer
	model    *Model
	busy     sync.Mutex
	user     *user // of the progress callback, which C keeps
	progress func(done, total int64)
}

// NewQuantizer makes a quantizer for a float32 model. [ErrNotFound]: a scope matches nothing.
func NewQuantizer(model *Model, options *QuantizerOptions) (*Quantizer, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	if err := model.use(); err != nil {
		return nil, err
	}
	var m memory
	defer m.free()
	user := newUser()
	free := func() {
		user.free()
		model.done()
	}
	var c *C.rtv_quantizer
	var e C.rtv_error
	if C.rtv_quantizer_create(model.c, m.quantizerOptions(options, user), &c, &e) != C.RTV_OK {
		free()
		return nil, failure(&e, "")
	}
	q := &Quantizer{c: c, model: model, user: user, progress: options.orDefault().Progress}
	q.own(func() {
		C.rtv_quantizer_free(c)
		free()
	})
	runtime.SetFinalizer(q, (*Quantizer).Close)
	return q, nil
}

func (o *QuantizerOptions) orDefault() *QuantizerOptions {
	if o == nil {
		return &QuantizerOptions{}
	}
	return o
}

func (o *QuantizerOptions) check() error {
	if o == nil {
		return nil
	}
	for _, scope := range o.Ignored {
		if err := whole("scope", scope.Text, scope.To); err != nil {
			return err
		}
	}
	return whole("settings", o.JSON)
}

func (m *memory) quantizerOptions(options *QuantizerOptions, user *user) *C.rtv_quantizer_options {
	options = options.orDefault()
	o := new(C.rtv_quantizer_options)
	C.rtv_quantizer_options_init_sized(o, C.sizeof_rtv_quantizer_options)
	o.progress, o.progress_user = C.rtv_progress_fn(C.rtvgo_progress), unsafe.Pointer(user.c)
	o.preset, o.estimator, o.weights = C.int32_t(options.Preset), C.int32_t(options.Estimator), C.int32_t(options.Weights)
	switch options.BiasCorrection {
	case NoBias:
		o.bias_correction = C.RTV_BIAS_NONE
	case FullBias:
		o.bias_correction = C.RTV_BIAS_FULL
	case FastBias:
		o.bias_correction = C.RTV_BIAS_FAST
	default:
		o.bias_correction = C.int32_t(options.BiasCorrection) // which C refuses
	}
	o.equalize, o.relaxed_scopes = toInt(options.Equalize), toInt(options.RelaxedScopes)
	o.quantize_auxiliary, o.drop_auxiliary = toInt(options.QuantizeAuxiliary), toInt(options.DropAuxiliary)
	if options.MomentSamples != 0 {
		o.moment_samples = C.int64_t(options.MomentSamples)
	}
	if options.MaxSamples != 0 {
		o.max_samples = C.int64_t(options.MaxSamples)
	}
	ignored := zeros[C.rtv_scope](m, len(options.Ignored))
	for i, scope := range options.Ignored {
		ignored[i] = C.rtv_scope{kind: C.int32_t(scope.Kind), text: m.text(scope.Text), to: m.optional(scope.To)}
	}
	o.ignored, o.num_ignored = at[C.rtv_scope](ignored), C.int64_t(len(ignored))
	o.json = m.optional(options.JSON)
	return o
}

// run calls the library for ctx, one goroutine at a time.
func (q *Quantizer) run(ctx context.Context, ask func(c *call) error) error {
	if err := q.use(); err != nil {
		return err
	}
	defer q.done()
	if !q.busy.TryLock() {
		return invalid(ErrBusy, "quantizer: another goroutine is using it")
	}
	defer q.busy.Unlock()
	c, err := begin(ctx, q.progress)
	if err == nil {
		q.user.call = c
		err = ask(c)
		q.user.call = nil
	}
	return c.end(err)
}

// Configure sets other settings for the same pictures. What they have in common with the old ones is not computed again.
func (q *Quantizer) Configure(options *QuantizerOptions) error {
	if err := options.check(); err != nil {
		return err
	}
	return q.run(context.Background(), func(c *call) error {
		var e C.rtv_error
		C.rtv_quantizer_configure(q.c, c.quantizerOptions(options, q.user), &e)
		if e.status == C.RTV_OK {
			q.progress = options.orDefault().Progress
		}
		return failure(&e, "")
	})
}

// Settings are the settings in use as JSON, complete.
func (q *Quantizer) Settings() (text string, err error) {
	err = q.run(context.Background(), func(*call) error {
		text, err = readText(func(text *C.char, capacity C.uint64_t, size *C.uint64_t, e *C.rtv_error) {
			C.rtv_quantizer_settings(q.c, text, capacity, size, e)
		})
		return err
	})
	return text, err
}

// Add reads pictures: decoded, resized, kept; it tells how many are new. One bad picture fails alone: the others are added, and
// [PictureErrors] comes back.
func (q *Quantizer) Add(ctx context.Context, pictures []Picture) (int, error) {
	errors := make([]C.rtv_error, len(pictures)+1)
	var added C.int64_t
	err := q.run(ctx, func(c *call) error {
		var e C.rtv_error
		C.rtv_quantizer_add(q.c, c.pictures(pictures), C.int64_t(len(pictures)), nil, &errors[0], &added, &e)
		return failure(&e, "")
	})
	if err != nil {
		return 0, err
	}
	return int(added), q.model.decoder.explain(errorsOf(pictures, errors))
}

// AddFrom adds inputs of the network, float32 [3][InputHeight][InputWidth], that a source writes to values, until it says that there are no
// more, or there is no more room. It tells how many are new; those from before an error stay.
func (q *Quantizer) AddFrom(ctx context.Context, source func(sample int64, values []float32) (more bool, err error)) (int, error) {
	var added C.int64_t
	err := q.run(ctx, func(c *call) error {
		c.sample = func(sample int64, values *C.float) (bool, error) {
			return source(sample, unsafe.Slice((*float32)(values), q.model.inputSize()))
		}
		var e C.rtv_error
		C.rtv_quantizer_add_from(q.c, C.rtv_sample_fn(C.rtvgo_sample), c.watch(), &added, &e)
		return failure(&e, "")
	})
	return int(added), err
}

// SaveStatistics writes the statistics of the activations to a file; they are collected when they are not there yet.
func (q *Quantizer) SaveStatistics(ctx context.Context, path string) error {
	return q.run(ctx, func(*call) error {
		return withPath(path, func(path *C.char, e *C.rtv_error) { C.rtv_quantizer_save_statistics(q.c, path, e) })
	})
}

// LoadStatistics reads statistics, before the first picture is added.
func (q *Quantizer) LoadStatistics(path string) error {
	return q.run(context.Background(), func(*call) error {
		return withPath(path, func(path *C.char, e *C.rtv_error) { C.rtv_quantizer_load_statistics(q.c, path, e) })
	})
}

// Finish makes a quantized model of what was added, as often as wanted. It runs on the runtime of the float32 model; without options it has
// its Decode as well.
func (q *Quantizer) Finish(ctx context.Context, options *ModelOptions) (*Model, error) {
	if options == nil {
		options = &ModelOptions{Decode: q.model.decoder.function()}
	}
	var made *Model
	err := q.run(ctx, func(*call) (err error) {
		q.model.runtime.keep()
		made, err = makeModelOn(q.model.runtime, "", options,
			func(_ *memory, _ *C.rtv_runtime, o *C.rtv_model_options, model **C.rtv_model, e *C.rtv_error) {
				C.rtv_quantizer_finish(q.c, o, model, e)
			})
		return err
	})
	if err != nil && made != nil { // stopped at the last moment
		made.Close()
		made = nil
	}
	return made, err
}

// QuantizedLayer is one layer of a network, in execution order.
type QuantizedLayer struct {
	Name        string
	Op          string
	Precision   string  // what it computes on: "f32", "int8"
	Output      string  // "f32", "u8", "s8"
	Why         string  // it computes on that
	Scale       float32 // of the output's codes; 0 when it is floats
	ZeroPoint   int32
	PairsMended int64   // pairs of weights that gave way to the pair-sum rule
	WeightSNR   float64 // of the rounding of the weights, in dB; 0 where nothing was rounded
}

// QuantizedLayers tells every layer of the network; a float32 model's all compute in float32.
func (m *Model) QuantizedLayers() ([]QuantizedLayer, error) {
	if err := m.use(); err != nil {
		return nil, err
	}
	defer m.done()
	rows, err := rowsOf(func(rows []C.rtv_quantized_layer, count *C.int64_t, e *C.rtv_error) {
		rows[0].struct_size = C.sizeof_rtv_quantized_layer
		C.rtv_model_quantized_layers(m.c, &rows[0], C.int64_t(len(rows)), count, e)
	})
	layers := make([]QuantizedLayer, len(rows))
	for i := range rows {
		r := &rows[i]
		layers[i] = QuantizedLayer{
			Name:        C.GoString(&r.name[0]),
			Op:          C.GoString(&r.op[0]),
			Precision:   C.GoString(&r.precision[0]),
			Output:      C.GoString(&r.output[0]),
			Why:         C.GoString(&r.why[0]),
			Scale:       float32(r.scale),
			ZeroPoint:   int32(r.zero_point),
			PairsMended: int64(r.pairs_mended),
			WeightSNR:   float64(r.weight_snr_db),
		}
	}
	return layers, err
}
