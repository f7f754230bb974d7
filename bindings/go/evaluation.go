package retrieve

// #include "shim.h"
import "C"

import (
	"context"
	"runtime"
	"unsafe"
)

// For [EvaluateOptions].ScoreQueries and BootstrapSamples.
const (
	All  = -1
	None = -2
)

// EvaluateOptions are what retrieval is evaluated with.
type EvaluateOptions struct {
	Ks               []int64 // of recall@k and precision@k, rising; nil: 1, 10, 100, 1000
	Predicted        bool    // a query's ranking holds only items that are predicted as its own predicted class
	Accept           Accept  // AcceptAny: two indexes of different models
	BootstrapSamples int     // for confidence intervals; 0: 1000, or None
	Confidence       float64 // of the intervals; 0: 0.95
	ScoreQueries     int     // so many queries are searched for scores, for Histogram and Threshold; 0: 2000, or All, or None
	Seed             uint64  // of every draw; 0: 1
	Progress         func(done, total int64)
}

// Evaluation tells how good retrieval is; docs/evaluation.md has the definitions. It never changes.
type Evaluation struct {
	object
	c    *C.rtv_evaluation
	info EvaluationInfo
}

// Evaluate searches for every query and sees which hits have its class. The queries are the items of an index, or, for nil, every item of the
// gallery among all the others.
func Evaluate(ctx context.Context, gallery, queries *Index, options *EvaluateOptions) (*Evaluation, error) {
	if options == nil {
		options = &EvaluateOptions{}
	}
	if err := gallery.use(); err != nil {
		return nil, err
	}
	defer gallery.done()
	var other *C.rtv_index
	if queries != nil {
		if err := queries.use(); err != nil {
			return nil, err
		}
		defer queries.done()
		other = queries.c
	}
	c, err := begin(ctx, options.Progress)
	if err != nil {
		return nil, c.end(err)
	}
	var evaluation *C.rtv_evaluation
	var e C.rtv_error
	C.rtv_evaluation_create(gallery.c, other, c.evaluateOptions(options), &evaluation, &e)
	err = c.end(failure(&e, ""))
	if e.status != C.RTV_OK {
		return nil, err
	}
	v := &Evaluation{c: evaluation}
	v.own(func() { C.rtv_evaluation_free(evaluation) })
	runtime.SetFinalizer(v, (*Evaluation).Close)
	if err == nil {
		v.info, err = v.readInfo()
	}
	if err != nil { // stopped at the last moment
		v.Close()
		return nil, err
	}
	return v, nil
}

func (c *call) evaluateOptions(options *EvaluateOptions) *C.rtv_evaluation_options {
	o := new(C.rtv_evaluation_options)
	C.rtv_evaluation_options_init_sized(o, C.sizeof_rtv_evaluation_options)
	o.progress, o.progress_user = c.watchProgress()
	if options.Ks != nil {
		o.ks, o.num_ks = (*C.int64_t)(c.some(share(&c.memory, options.Ks))), C.int64_t(len(options.Ks))
	}
	o.predicted, o.accept = toInt(options.Predicted), C.int32_t(options.Accept)
	o.bootstrap_samples = orNone(options.BootstrapSamples, o.bootstrap_samples)
	o.score_queries = orNone(options.ScoreQueries, o.score_queries)
	if options.Confidence != 0 {
		o.confidence = C.double(options.Confidence)
	}
	if options.Seed != 0 {
		o.seed = C.uint64_t(options.Seed)
	}
	return o
}

func orNone(value int, otherwise C.int64_t) C.int64_t {
	switch value {
	case 0:
		return otherwise
	case None:
		return 0
	}
	return C.int64_t(value)
}

// EvaluationInfo is what was evaluated.
type EvaluationInfo struct {
	LeaveOneOut      bool
	NumGallery       int64   // items that rankings are made of, the query itself included
	NumQueries       int64   // items with a class
	NumAnswerable    int64   // of these, queries with at least one relevant item
	NumUnlabelled    int64   // items without a class, which are no queries
	NumClasses       int64   // of the queries
	NumScoreQueries  int64   // queries whose scores were looked at
	Ks               []int64 // of recall@k and precision@k
	Predicted        bool
	BootstrapSamples int
	Confidence       float64
	Seed             uint64
}

// Info is what was evaluated, also after Close.
func (v *Evaluation) Info() EvaluationInfo { return v.info }

func (v *Evaluation) readInfo() (EvaluationInfo, error) {
	var e C.rtv_error
	info := C.rtv_evaluation_info{struct_size: C.sizeof_rtv_evaluation_info}
	C.rtv_evaluation_info_get(v.c, &info, &e)
	return EvaluationInfo{
		LeaveOneOut:      info.leave_one_out != 0,
		NumGallery:       int64(info.num_gallery),
		NumQueries:       int64(info.num_queries),
		NumAnswerable:    int64(info.num_answerable),
		NumUnlabelled:    int64(info.num_unlabelled),
		NumClasses:       int64(info.num_classes),
		NumScoreQueries:  int64(info.num_score_queries),
		Ks:               copied[int64](unsafe.Pointer(info.ks), info.num_ks),
		Predicted:        info.predicted != 0,
		BootstrapSamples: int(info.bootstrap_samples),
		Confidence:       float64(info.confidence),
		Seed:             uint64(info.seed),
	}, failure(&e, "")
}

// Metric is a mean over queries.
type Metric int32

const (
	Recall     Metric = C.RTV_METRIC_RECALL      // 1 when a relevant item is among the first k
	Precision  Metric = C.RTV_METRIC_PRECISION   // relevant items among the first k, divided by k
	RPrecision Metric = C.RTV_METRIC_R_PRECISION // relevant items among the first R, divided by R, of R that there are
	MAPAtR     Metric = C.RTV_METRIC_MAP_AT_R
	MAP        Metric = C.RTV_METRIC_MAP
	MRR        Metric = C.RTV_METRIC_MRR
)

// Rule says what becomes of queries without relevant items.
type Rule int32

const (
	Miss    Rule = C.RTV_RULE_MISS     // each metric is 0 for them: CGD's rule
	LeftOut Rule = C.RTV_RULE_LEFT_OUT // they do not count: pytorch-metric-learning's rule
)

// MetricValue is a mean and its confidence interval; NaN where there is nothing to take a mean of.
type MetricValue struct{ Value, Low, High float64 }

// Metric is a metric over all queries. k is one of the options' Ks for Recall and Precision.
func (v *Evaluation) Metric(metric Metric, k int64, rule Rule) (MetricValue, error) {
	var value C.rtv_metric_value
	err := v.ask(func(e *C.rtv_error) {
		C.rtv_evaluation_metric(v.c, C.int32_t(metric), C.int64_t(k), C.int32_t(rule), &value, e)
	})
	return MetricValue{float64(value.value), float64(value.low), float64(value.high)}, err
}

// RecallAt is the share of queries with a relevant item among the first k; queries without relevant items are misses.
func (v *Evaluation) RecallAt(k int64) (float64, error) {
	value, err := v.Metric(Recall, k, Miss)
	return value.Value, err
}

// ClassResult is one class.
type ClassResult struct {
	Class         int32 // in the gallery's numbers; one that only the queries have: -2 - its number there
	NumQueries    int64
	NumAnswerable int64
	Value         float64 // the metric's mean over the queries of the class; NaN for none
}

// Classes tells a metric for each class.
func (v *Evaluation) Classes(metric Metric, k int64, rule Rule) ([]ClassResult, error) {
	n := v.info.NumClasses
	classes, values := make([]C.rtv_class_count, n), make([]C.double, n)
	err := v.ask(func(e *C.rtv_error) {
		var count C.int64_t
		if C.rtv_evaluation_classes(v.c, at[C.rtv_class_count](classes), C.int64_t(n), &count, e) == C.RTV_OK {
			C.rtv_evaluation_class_values(v.c, C.int32_t(metric), C.int64_t(k), C.int32_t(rule), at[C.double](values), C.int64_t(n), &count, e)
		}
	})
	if err != nil {
		return nil, err
	}
	results := make([]ClassResult, n)
	for i, class := range classes {
		results[i] = ClassResult{int32(class.class_id), int64(class.num_queries), int64(class.num_answerable), float64(values[i])}
	}
	return results, nil
}

// QueryResult is one query.
type QueryResult struct {
	ID               int64
	NumRelevant      int64 // items there are
	FirstRank        int64 // of the first relevant item, from 1; 0 when none is found
	AveragePrecision float64
	Class            int32 // as in ClassResult
}

// queryResults are up to n results.
func (v *Evaluation) queryResults(n int64, ask func(results *C.rtv_query_result, count *C.int64_t, e *C.rtv_error)) ([]QueryResult, error) {
	rows := make([]C.rtv_query_result, n)
	var count C.int64_t
	if err := v.ask(func(e *C.rtv_error) { ask(at[C.rtv_query_result](rows), &count, e) }); err != nil {
		return nil, err
	}
	if n > int64(count) {
		rows = rows[:count]
	}
	results := make([]QueryResult, len(rows))
	for i, r := range rows {
		results[i] = QueryResult{int64(r.id), int64(r.num_relevant), int64(r.first_rank), float64(r.average_precision), int32(r.class_id)}
	}
	return results, nil
}

// Queries tells every query, in the order of the items.
func (v *Evaluation) Queries() ([]QueryResult, error) {
	n := v.info.NumQueries
	return v.queryResults(n, func(results *C.rtv_query_result, count *C.int64_t, e *C.rtv_error) {
		C.rtv_evaluation_queries(v.c, results, C.int64_t(n), count, e)
	})
}

// Hardest tells n queries with relevant items that are found late or not at all, the hardest first; all of them when n is negative.
func (v *Evaluation) Hardest(n int) ([]QueryResult, error) {
	most := v.info.NumAnswerable
	if n >= 0 && int64(n) < most {
		most = int64(n)
	}
	return v.queryResults(most, func(results *C.rtv_query_result, count *C.int64_t, e *C.rtv_error) {
		C.rtv_evaluation_hardest(v.c, results, C.int64_t(most), count, e)
	})
}

// Scores says which scores are meant.
type Scores int32

const (
	NearestSame  Scores = C.RTV_SCORES_NEAREST_SAME  // of each query's best relevant item
	NearestOther Scores = C.RTV_SCORES_NEAREST_OTHER // of its best item of another class
	PairsSame    Scores = C.RTV_SCORES_PAIRS_SAME    // of every relevant item
	PairsOther   Scores = C.RTV_SCORES_PAIRS_OTHER   // of up to 100 drawn items of other classes
)

// Histogram counts scores in bins of equal width from low to high; those outside go to the first and the last.
func (v *Evaluation) Histogram(scores Scores, low, high float64, bins int) ([]int64, error) {
	if bins < 1 {
		return nil, invalid(ErrInvalidArgument, "evaluate: bins: got %d, expected at least 1", bins)
	}
	counts := make([]int64, bins)
	err := v.ask(func(e *C.rtv_error) {
		C.rtv_evaluation_histogram(v.c, C.int32_t(scores), C.double(low), C.double(high), C.int64_t(bins), at[C.int64_t](counts), nil, e)
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}

// Threshold is a score for "nothing similar here".
type Threshold struct {
	MinScore        float32 // accept scores of at least this
	FalseAcceptRate float64 // share of queries whose best item of another class has it
	FalseRejectRate float64 // share of answerable queries whose best relevant item has less
}

// Threshold is the least score that accepts no more than this share of queries that have nothing similar. [ErrState]: no scores were looked at.
func (v *Evaluation) Threshold(falseAcceptRate float64) (Threshold, error) {
	var t C.rtv_threshold
	err := v.ask(func(e *C.rtv_error) { C.rtv_evaluation_threshold(v.c, C.double(falseAcceptRate), &t, e) })
	return Threshold{float32(t.min_score), float64(t.false_accept_rate), float64(t.false_reject_rate)}, err
}
