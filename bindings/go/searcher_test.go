package retrieve

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// world is a searcher over gallery pictures of two classes.
func world(t testing.TB) (*Searcher, *Model, *Index, []string) {
	t.Helper()
	m := toy(t, nil)
	x, err := NewIndex(&IndexOptions{Model: m})
	fatal(t, err)
	t.Cleanup(func() { x.Close() })
	s, err := NewSearcher(m, x, nil)
	fatal(t, err)
	t.Cleanup(func() { s.Close() })
	paths := picturesOf(t, "ant", "key")
	fatal(t, s.Add(ctx, Files(paths...), &Items{Classes: []int32{0, 0, 0, 0, 0, 1, 1, 1, 1, 1}}, nil))
	return s, m, x, paths
}

func TestSearcher(t *testing.T) {
	s, m, x, paths := world(t)
	hits, err := s.SearchOne(ctx, File(paths[3]), 4, nil)
	fatal(t, err)
	if key, err := x.Key(hits[0].ID); err != nil || key != paths[3] || len(hits) != 4 || hits[0].Score < 0.999 {
		t.Errorf("got %v, the first is %q (%v)", hits, key, err)
	}
	vector, err := m.EmbedOne(ctx, File(paths[3]))
	fatal(t, err)
	rows, err := x.Search(ctx, vector, 4, nil)
	if err != nil || !reflect.DeepEqual(rows[0], hits) {
		t.Errorf("got %v by the vector (%v), %v by the picture", rows, err, hits)
	}
	own, err := s.SearchOne(ctx, File(paths[3]), 10, &SearchOptions{OwnClass: true})
	if err != nil || len(own) == 0 {
		t.Errorf("own class: got %v, %v", own, err)
	}

	rows, err = s.Search(ctx, []Picture{File("no/such.png"), File(paths[0])}, 2, nil)
	var failed PictureErrors
	if !errors.As(err, &failed) || failed[0] == nil || failed[1] != nil || len(rows[0]) != 0 || rows[1][0].ID != 0 {
		t.Errorf("got %v, %v", rows, err)
	}
	_, err = s.SearchOne(ctx, File("no/such.png"), 2, nil)
	refuses(t, err, ErrIO, "no/such.png")
	_, err = s.SearchOne(ctx, File(paths[0]), 0, nil)
	refuses(t, err, ErrInvalidArgument, "k: got 0")
	if rows, err := s.Search(ctx, nil, 2, nil); err != nil || len(rows) != 0 {
		t.Errorf("no pictures: got %v, %v", rows, err)
	}
	stopped, stop := context.WithCancel(ctx)
	stop()
	_, err = s.SearchOne(stopped, File(paths[0]), 2, nil)
	refuses(t, err, context.Canceled, "")
}

func TestSearcherAdd(t *testing.T) {
	s, _, x, paths := world(t)
	pictures := []Picture{File(paths[0]), Encoded(nil), File(paths[1])}
	err := s.Add(ctx, pictures, &Items{Keys: []string{"a", "b", "c"}, IDs: []int64{100, 101, 102}, Payloads: [][]byte{nil, nil, []byte("p")}}, nil)
	refuses(t, err, ErrFormat, "1 of 3 pictures failed, the first is number 1")
	if key, err := x.Key(102); err != nil || key != "c" || x.Len() != 12 {
		t.Errorf("got %q, %v among %d", key, err, x.Len())
	}
	if payload, err := x.Payload(102); err != nil || string(payload) != "p" {
		t.Errorf("got %q, %v", payload, err)
	}
	refuses(t, s.Add(ctx, pictures[:1], &Items{IDs: []int64{100}}, nil), ErrExists, "100")
	refuses(t, s.Add(ctx, pictures, &Items{IDs: []int64{1}}, nil), ErrInvalidArgument, "length of IDs: got 1, expected 3")
	calls := 0
	fatal(t, s.Add(ctx, pictures[:1], nil, &EmbedOptions{Progress: func(done, total int64) { calls++ }}))
	if calls == 0 {
		t.Error("no progress was told")
	}
	fatal(t, s.Add(ctx, nil, nil, nil))
}

func TestForeignIndex(t *testing.T) {
	_, m, _, _ := world(t)
	foreign := indexOf(t, 12, Items{})
	_, err := NewSearcher(m, foreign, nil)
	refuses(t, err, ErrMismatch, "fingerprint")
	s, err := NewSearcher(m, foreign, &SearcherOptions{Accept: AcceptAny})
	fatal(t, err)
	fatal(t, s.Close())
	_, err = NewSearcher(m, indexOf(t, 3, Items{}), &SearcherOptions{Accept: AcceptAny})
	refuses(t, err, ErrMismatch, "dimension")
}

func TestQuantizer(t *testing.T) {
	_, m, x, paths := world(t)
	var steps int
	q, err := NewQuantizer(m, &QuantizerOptions{MaxSamples: 12, BiasCorrection: NoBias, Progress: func(done, total int64) { steps++ }})
	fatal(t, err)
	defer q.Close()
	_, err = q.Finish(ctx, nil)
	refuses(t, err, ErrState, "")
	added, err := q.Add(ctx, append(Files(paths...), File("no/such.png")))
	refuses(t, err, ErrIO, "1 of 11 pictures failed, the first is number 10")
	if added != 10 || steps == 0 {
		t.Errorf("added %d in %d steps, expected 10 in some", added, steps)
	}
	if settings, err := q.Settings(); err != nil || !strings.Contains(settings, `"max_samples"`) {
		t.Errorf("got %q, %v", settings, err)
	}
	statistics := t.TempDir() + "/statistics"
	fatal(t, q.SaveStatistics(ctx, statistics))
	refuses(t, q.LoadStatistics(statistics), ErrState, "")
	refuses(t, q.LoadStatistics("no/such"), ErrIO, "no/such")
	steps = 0
	quantized, err := q.Finish(ctx, nil)
	fatal(t, err)
	defer quantized.Close()
	if steps == 0 || quantized.Info().Parent != m.Info().Fingerprint || quantized.Info().CalibrationPictures != 10 {
		t.Errorf("got %+v in %d steps", quantized.Info(), steps)
	}
	if provenance, err := quantized.Provenance(); err != nil || !strings.Contains(provenance, m.Info().Fingerprint) {
		t.Errorf("got %q, %v", provenance, err)
	}
	if hashed, err := quantized.PictureHash(File(paths[0])); err != nil || !quantized.CalibratedWith(hashed) {
		t.Errorf("picture %x was not calibrated with, %v", hashed, err)
	}
	s, err := NewSearcher(quantized, x, &SearcherOptions{Accept: AcceptParents})
	fatal(t, err)
	defer s.Close()
	if hits, err := s.SearchOne(ctx, File(paths[7]), 3, nil); err != nil || len(hits) != 3 {
		t.Errorf("got %v, %v", hits, err)
	}
	_, err = NewQuantizer(quantized, nil)
	refuses(t, err, ErrInvalidArgument, "")

	fatal(t, q.Configure(&QuantizerOptions{MaxSamples: 11, Ignored: []Scope{{Kind: ScopeOp, Text: "conv"}}, BiasCorrection: FullBias}))
	_, err = q.Add(ctx, Files(paths...))
	refuses(t, err, ErrLimit, "max_samples")
	refuses(t, q.Configure(&QuantizerOptions{JSON: "{"}), ErrFormat, "")
	refuses(t, q.Configure(&QuantizerOptions{JSON: "{}\x00"}), ErrInvalidArgument, "NUL")
	refuses(t, q.Configure(&QuantizerOptions{BiasCorrection: 9}), ErrInvalidArgument, "bias_correction")
	refuses(t, q.Configure(&QuantizerOptions{Ignored: []Scope{{Text: "no such layer"}}}), ErrNotFound, "no such layer")
	_, err = NewQuantizer(m, &QuantizerOptions{Ignored: []Scope{{Text: "a\x00"}}})
	refuses(t, err, ErrInvalidArgument, "NUL")
}

func TestQuantizerCallbacks(t *testing.T) {
	m := toy(t, nil)
	q, err := NewQuantizer(m, nil)
	fatal(t, err)
	defer q.Close()
	source := func(sample int64, values []float32) (bool, error) {
		if sample == 3 {
			return false, nil
		}
		copy(values, noise(len(values), int(1000*sample)))
		return true, nil
	}
	if added, err := q.AddFrom(ctx, source); err != nil || added != 3 {
		t.Errorf("added %d, %v, expected 3", added, err)
	}
	_, err = q.AddFrom(ctx, func(int64, []float32) (bool, error) { return true, context.DeadlineExceeded })
	if err != context.DeadlineExceeded {
		t.Errorf("got %v, expected the callback's own error", err)
	}
	if value := panics(func() { q.AddFrom(ctx, func(int64, []float32) (bool, error) { panic(7) }) }); value != 7 {
		t.Errorf("got the panic %v", value)
	}
	stopping, stop := context.WithCancel(ctx)
	fatal(t, q.Configure(&QuantizerOptions{Progress: func(done, total int64) {
		stop()
		if _, err := q.Settings(); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v from inside, expected ErrBusy", err)
		}
	}}))
	made, err := q.Finish(stopping, nil)
	refuses(t, err, context.Canceled, "")
	if made != nil {
		t.Error("got a model, expected none")
	}
	fatal(t, q.Configure(nil))
	made, err = q.Finish(ctx, &ModelOptions{Executor: Reference})
	fatal(t, err)
	fatal(t, made.Close())
}

func TestEvaluate(t *testing.T) {
	_, _, x, _ := world(t)
	calls := 0
	v, err := Evaluate(ctx, x, nil, &EvaluateOptions{Ks: []int64{1, 5}, Progress: func(done, total int64) { calls++ }})
	fatal(t, err)
	defer v.Close()
	info := v.Info()
	if calls == 0 || !info.LeaveOneOut || info.NumGallery != 10 || info.NumQueries != 10 || info.NumClasses != 2 || info.Confidence != 0.95 {
		t.Errorf("got %+v after %d calls", info, calls)
	}
	queries, err := v.Queries()
	fatal(t, err)
	right := 0.0
	for _, q := range queries {
		if q.FirstRank == 1 {
			right++
		}
		if q.NumRelevant != 4 {
			t.Errorf("got %+v, expected 4 relevant items", q)
		}
	}
	recall, err := v.RecallAt(1)
	if err != nil || recall != right/10 {
		t.Errorf("got %v, %v, expected %v of 10", recall, err, right)
	}
	if !reflect.DeepEqual(info.Ks, []int64{1, 5}) {
		t.Errorf("got the ks %v", info.Ks)
	}
	_, err = v.RecallAt(7)
	refuses(t, err, ErrNotFound, "7")
	for metric := Recall; metric <= MRR; metric++ {
		value, err := v.Metric(metric, 5, LeftOut)
		if err != nil || value.Value < value.Low || value.Value > value.High || value.Value <= 0 || value.Value > 1 {
			t.Errorf("metric %d: got %+v, %v", metric, value, err)
		}
	}
	classes, err := v.Classes(Recall, 1, Miss)
	if err != nil || len(classes) != 2 || classes[1].Class != 1 || classes[0].NumQueries != 5 || classes[0].Value+classes[1].Value != 2*recall {
		t.Errorf("got %+v, %v", classes, err)
	}
	hardest, err := v.Hardest(100)
	if few, _ := v.Hardest(2); !reflect.DeepEqual(few, hardest[:2]) {
		t.Errorf("got %+v", few)
	}
	if err != nil || len(hardest) != 10 || hardest[0].FirstRank < hardest[9].FirstRank {
		t.Errorf("got %+v, %v", hardest, err)
	}
	counts, err := v.Histogram(NearestSame, -1, 1, 4)
	if err != nil || counts[0]+counts[1]+counts[2]+counts[3] != 10 {
		t.Errorf("got %v, %v", counts, err)
	}
	_, err = v.Histogram(NearestSame, -1, 1, 0)
	refuses(t, err, ErrInvalidArgument, "bins: got 0")
	if threshold, err := v.Threshold(0.5); err != nil || threshold.FalseAcceptRate > 0.5 {
		t.Errorf("got %+v, %v", threshold, err)
	}

	none, err := Evaluate(ctx, x, x, &EvaluateOptions{ScoreQueries: None, BootstrapSamples: None, Seed: 7, Confidence: 0.5})
	fatal(t, err)
	defer none.Close()
	if info := none.Info(); info.LeaveOneOut || info.NumScoreQueries != 0 || info.BootstrapSamples != 0 || info.Seed != 7 || info.Confidence != 0.5 {
		t.Errorf("got %+v", info)
	}
	_, err = none.Threshold(0.5)
	refuses(t, err, ErrState, "")
	_, err = Evaluate(ctx, indexOf(t, 2, Items{Vectors: make([]float32, 4)}), nil, nil)
	refuses(t, err, ErrInvalidArgument, "class")
	_, err = Evaluate(ctx, x, nil, &EvaluateOptions{Ks: []int64{}})
	refuses(t, err, ErrInvalidArgument, "")
	stopped, stop := context.WithCancel(ctx)
	stop()
	_, err = Evaluate(stopped, x, nil, nil)
	refuses(t, err, context.Canceled, "")
}
