package retrieve

import (
	"context"
	"errors"
	"math"
	"os"
	"reflect"
	"testing"
)

func TestSearchOptions(t *testing.T) {
	x := alphabet(t)
	query := []float32{1, 0} // finds a, b, c, d, e in this order
	for name, c := range map[string]struct {
		options SearchOptions
		want    []int64
	}{
		"all":       {SearchOptions{}, []int64{10, 11, 12, 13, 14}},
		"class":     {SearchOptions{Class: pointer(int32(1))}, []int64{11, 13}},
		"class 0":   {SearchOptions{Class: pointer(int32(0))}, []int64{10, 12}},
		"predicted": {SearchOptions{PredictedClass: pointer(int32(0))}, []int64{12, 13, 14}},
		"min score": {SearchOptions{MinScore: pointer(float32(0.5))}, []int64{10, 11, 12}},
		"exclude":   {SearchOptions{ExcludeIDs: []int64{11}}, []int64{10, 12, 13, 14}},
		"only":      {SearchOptions{OnlyIDs: []int64{14, 11, 99}}, []int64{11, 14}},
		"only none": {SearchOptions{OnlyIDs: []int64{}}, []int64{}},
		"bits":      {SearchOptions{OnlyBits: []byte{0, 0b10100}}, []int64{10, 12}},
		"no bits":   {SearchOptions{OnlyBits: []byte{}}, []int64{}},
		"filter":    {SearchOptions{Filter: func(query int, hit Hit) bool { return query == 0 && hit.Class != 0 }}, []int64{11, 13, 14}},
	} {
		options := c.options
		rows, err := x.Search(ctx, query, 5, &options)
		if err != nil || !reflect.DeepEqual(idsOf(rows[0]), c.want) {
			t.Errorf("%s: got %v, %v, expected %v", name, rows, err, c.want)
		}
		hits, err := x.SearchInto(ctx, query, make([]Hit, 5), &options)
		if err != nil || !reflect.DeepEqual(idsOf(hits), c.want) {
			t.Errorf("%s, into: got %v, %v, expected %v", name, hits, err, c.want)
		}
	}
}

func TestSearchKinds(t *testing.T) {
	x := alphabet(t)
	rows, err := x.Search(ctx, []float32{1, 0, 0, 1}, 2, nil)
	want := [][]Hit{{{10, 1, 0}, {11, 0.75, 1}}, {{14, 1, -1}, {13, 0.75, 1}}}
	if err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("got %v, %v, expected %v", rows, err, want)
	}
	rows, err = x.SearchIDs(ctx, []int64{10, 14}, 1, nil)
	if err != nil || rows[0][0].ID != 11 || rows[1][0].ID != 13 {
		t.Errorf("by id: got %v, %v", rows, err)
	}
	_, err = x.SearchIDs(ctx, []int64{77}, 1, nil)
	refuses(t, err, ErrNotFound, "77")
	rows, err = x.SearchRange(ctx, []float32{1, 0, 0, 1}, &SearchOptions{MinScore: pointer(float32(0.5))})
	if err != nil || !reflect.DeepEqual(idsOf(rows[0]), []int64{10, 11, 12}) || !reflect.DeepEqual(idsOf(rows[1]), []int64{14, 13, 11, 12}) {
		t.Errorf("range: got %v, %v", rows, err)
	}
	hits, err := x.SearchBlend(ctx, Blend{Vectors: []float32{1, 0}, IDs: []int64{14}, IDWeights: []float32{-1}, KeepLength: true}, 9, nil)
	if err != nil || !reflect.DeepEqual(idsOf(hits), []int64{10, 11, 12, 13}) || hits[0].Score != 1 || hits[3].Score != -0.5 {
		t.Errorf("blend: got %v, %v", hits, err)
	}
	_, err = x.SearchBlend(ctx, Blend{Vectors: []float32{1, 0}, VectorWeights: []float32{1, 2}}, 9, nil)
	refuses(t, err, ErrInvalidArgument, "VectorWeights: got 2, expected 1")
	_, err = x.SearchBlend(ctx, Blend{IDs: []int64{10}, IDWeights: []float32{}}, 9, nil)
	refuses(t, err, ErrInvalidArgument, "IDWeights: got 0, expected 1")
	_, err = x.SearchBlend(ctx, Blend{}, 9, nil)
	refuses(t, err, ErrInvalidArgument, "")

	ids, rows, err := x.Neighbors(ctx, 1, nil)
	if err != nil || len(ids) != 5 || ids[0] != 10 || rows[0][0].ID != 11 || rows[4][0].ID != 13 {
		t.Errorf("neighbors: got %v, %v, %v", ids, rows, err)
	}
	var pairs []Pair
	fatal(t, x.Pairs(ctx, &SearchOptions{MinScore: pointer(float32(0.75))}, func(found []Pair) error {
		pairs = append(pairs, found...)
		return nil
	}))
	if len(pairs) != 2 || pairs[0].A != 10 || pairs[0].B != 11 || pairs[0].Score != 0.75 {
		t.Errorf("pairs: got %v", pairs)
	}
	if err := x.Pairs(ctx, nil, func([]Pair) error { return os.ErrPermission }); err != os.ErrPermission {
		t.Errorf("got %v, expected the callback's own error", err)
	}
}

func TestNothingToSearch(t *testing.T) {
	empty := indexOf(t, 2, Items{})
	rows, err := empty.Search(ctx, nil, 3, nil)
	if err != nil || len(rows) != 0 {
		t.Errorf("no queries: got %v, %v", rows, err)
	}
	rows, err = empty.Search(ctx, []float32{1, 0}, 3, nil)
	if err != nil || len(rows) != 1 || len(rows[0]) != 0 {
		t.Errorf("no items: got %v, %v", rows, err)
	}
	if ids, rows, err := empty.Neighbors(ctx, 3, nil); err != nil || len(ids) != 0 || len(rows) != 0 {
		t.Errorf("no neighbors: got %v, %v, %v", ids, rows, err)
	}
	if ids, err := empty.IDs(); err != nil || len(ids) != 0 {
		t.Errorf("no ids: got %v, %v", ids, err)
	}
	rows, err = alphabet(t).Search(ctx, []float32{1, 0}, math.MaxInt, nil) // all there are, without memory for more
	if err != nil || len(rows[0]) != 5 {
		t.Errorf("got %v, %v", rows, err)
	}
}

func TestBadSearches(t *testing.T) {
	x := alphabet(t)
	_, err := x.Search(ctx, make([]float32, 3), 1, nil)
	refuses(t, err, ErrMismatch, "queries: got 3 floats, expected a multiple of 2")
	_, err = x.SearchInto(ctx, make([]float32, 4), make([]Hit, 1), nil)
	refuses(t, err, ErrMismatch, "query: got 4 floats, expected 2")
	_, err = x.Search(ctx, make([]float32, 2), 0, nil)
	refuses(t, err, ErrInvalidArgument, "k: got 0")
	_, err = x.Search(ctx, make([]float32, 2), -1, nil)
	refuses(t, err, ErrInvalidArgument, "k: got -1")
	_, err = x.SearchInto(ctx, make([]float32, 2), nil, nil)
	refuses(t, err, ErrInvalidArgument, "")
	_, err = x.SearchInto(ctx, []float32{0, float32(math.NaN())}, make([]Hit, 2), nil)
	refuses(t, err, ErrInvalidArgument, "")
	_, err = x.Search(ctx, make([]float32, 4), 1, &SearchOptions{ExcludeIDs: []int64{1}})
	refuses(t, err, ErrInvalidArgument, "length of ExcludeIDs: got 1, expected 2")
}

func TestStoppedSearch(t *testing.T) {
	x := indexOf(t, 64, Items{Vectors: unitVectors(2000, 64)})
	stopping, stop := context.WithCancel(ctx)
	_, err := x.Search(stopping, unitVectors(500, 64), 3, &SearchOptions{Progress: func(done, total int64) { stop() }})
	refuses(t, err, context.Canceled, "")
	_, err = x.SearchInto(stopping, unitVectors(1, 64), make([]Hit, 3), nil)
	refuses(t, err, ErrCancelled, "")
	running, stop := context.WithCancel(ctx)
	defer stop()
	if hits, err := x.SearchInto(running, unitVectors(1, 64), make([]Hit, 3), nil); err != nil || len(hits) != 3 {
		t.Errorf("got %v, %v", hits, err)
	}
	asked := 0
	value := panics(func() {
		x.Search(ctx, unitVectors(1, 64), 3, &SearchOptions{Filter: func(query int, hit Hit) bool { asked++; panic("no") }})
	})
	if value != "no" || asked != 1 {
		t.Errorf("got the panic %v after %d calls", value, asked)
	}
	if value := panics(func() { x.Pairs(ctx, nil, func([]Pair) error { panic(errors.New("x")) }) }); value == nil {
		t.Error("a panic got lost")
	}
}

func TestSearchIntoAllocatesNothing(t *testing.T) {
	if raceEnabled || asanEnabled {
		t.Skip("skipped: the detectors allocate")
	}
	x := indexOf(t, 16, Items{Vectors: unitVectors(1000, 16)})
	query, hits := unitVectors(1, 16), make([]Hit, 10)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := x.SearchInto(ctx, query, hits, nil); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("got %v allocations a search, expected none", n)
	}
}
