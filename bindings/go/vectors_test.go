package retrieve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
)

// The cases of tests/vectors/vectors.json; the README there has the definitions.

type number float32

func (n *number) UnmarshalJSON(text []byte) error {
	var value float64
	switch string(text) {
	case `"nan"`:
		value = math.NaN()
	case `"inf"`:
		value = math.Inf(1)
	case `"-inf"`:
		value = math.Inf(-1)
	default:
		if err := json.Unmarshal(text, &value); err != nil {
			return err
		}
	}
	*n = number(value)
	return nil
}

// damaged says what is done to a file before it is opened.
type damaged struct {
	KeepBytes *int `json:"keep_bytes"`
	FlipByte  *int `json:"flip_byte"`
}

type vectorModel struct {
	damaged
	Load, Import              string
	Architecture, Descriptors string
	InputWidth                int `json:"input_width"`
	InputHeight               int `json:"input_height"`
}

type vectorPicture struct {
	damaged
	Path, Encoded string
	Pixels        *struct {
		Format                       string
		Width, Height, Stride, First int
	}
	Tensor *struct{ Count, First int }
}

type vectorItems struct {
	Vectors            [][]number
	IDs                []int64
	Keys               []*string
	Classes, Predicted []int32
}

type vectorCase struct {
	damaged
	Name, Op, File string
	Dim, K         int
	Add            []vectorItems
	Queries        json.RawMessage // vectors, items or pictures
	QueriesDim     int             `json:"queries_dim"`
	Predicted      bool
	Ks             []int64
	Settings       json.RawMessage
	Options        struct {
		ClassID        *int32  `json:"class_id"`
		PredictedClass *int32  `json:"predicted_class"`
		MinScore       *number `json:"min_score"`
		ExcludeIDs     []int64 `json:"exclude_ids"`
	}
	Model    vectorModel
	Pictures []vectorPicture
	Expect   struct {
		Status, Says string
		Count        int
		IDs          json.RawMessage // of hits, or of queries
		Scores       [][]number
		Keys         json.RawMessage
		Classes      json.RawMessage
		Dim          int
		InputWidth   int `json:"input_width"`
		InputHeight  int `json:"input_height"`
		Statuses     []string
		Descriptors  [][]number
		Predicted    []int32
		Tolerance    float64

		Queries, Answerable int64
		Metrics             []struct {
			Metric, Rule string
			K            int64
			Value        number
		}
		Relevant    []int64
		FirstRanks  []int64 `json:"first_ranks"`
		Layers      map[string]string
		LeastCosine float64 `json:"least_cosine"`
	}
}

func decode(t *testing.T, text []byte, to any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	fatal(t, decoder.Decode(to))
}

func flat(rows [][]number) []float32 {
	values := []float32{}
	for _, row := range rows {
		for _, value := range row {
			values = append(values, float32(value))
		}
	}
	return values
}

// bytesOf are the bytes of a damaged file, nil for one that is whole.
func (d damaged) bytesOf(path string) []byte {
	if d.KeepBytes == nil && d.FlipByte == nil {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	if d.KeepBytes != nil {
		data = data[:*d.KeepBytes]
	}
	if d.FlipByte != nil {
		at := *d.FlipByte
		if at < 0 {
			at += len(data)
		}
		data[at] ^= 1
	}
	return data
}

func (given vectorModel) open() (*Model, error) {
	if given.Import != "" {
		path := testsFolder + "/" + given.Import
		how := &ImportOptions{Architecture: given.Architecture, Descriptors: given.Descriptors, InputWidth: given.InputWidth, InputHeight: given.InputHeight}
		if data := given.bytesOf(path); data != nil {
			return ImportModelBytes(data, how, nil)
		}
		return ImportModel(path, how, nil)
	}
	path := testsFolder + "/" + given.Load
	if data := given.bytesOf(path); data != nil {
		return LoadModelBytes(data, nil)
	}
	return LoadModel(path, nil)
}

func (given vectorPicture) picture() Picture {
	switch {
	case given.Path != "":
		return File(testsFolder + "/" + given.Path)
	case given.Encoded != "":
		path := testsFolder + "/" + given.Encoded
		data := given.bytesOf(path)
		if data == nil {
			data, _ = os.ReadFile(path)
		}
		return Encoded(data)
	case given.Pixels != nil:
		p := given.Pixels
		format := map[string]PixelFormat{"RGB8": RGB, "BGR8": BGR, "RGBA8": RGBA, "BGRA8": BGRA, "GRAY8": Gray}[p.Format]
		return Pixels(noiseBytes(p.Stride*p.Height, p.First), format, p.Width, p.Height, p.Stride)
	}
	return Tensor(noise(given.Tensor.Count, given.Tensor.First))
}

func pictures(given []vectorPicture) []Picture {
	all := make([]Picture, len(given))
	for i, one := range given {
		all[i] = one.picture()
	}
	return all
}

func fill(dim int, adds []vectorItems) (*Index, error) {
	x, err := NewIndex(&IndexOptions{Dim: dim})
	if err != nil {
		return nil, err
	}
	for _, add := range adds {
		items := Items{Vectors: flat(add.Vectors), IDs: add.IDs, Classes: add.Classes, Predicted: add.Predicted}
		for _, key := range add.Keys {
			if key == nil {
				key = new(string)
			}
			items.Keys = append(items.Keys, *key)
		}
		if err := x.Add(items); err != nil {
			x.Close()
			return nil, err
		}
	}
	return x, nil
}

func (c *vectorCase) search(t *testing.T) error {
	x, err := fill(c.Dim, c.Add)
	if err != nil {
		return err
	}
	defer x.Close()
	var queries [][]number
	decode(t, c.Queries, &queries)
	rows, err := x.Search(context.Background(), flat(queries), c.K, &SearchOptions{
		Class:          c.Options.ClassID,
		PredictedClass: c.Options.PredictedClass,
		MinScore:       (*float32)(c.Options.MinScore),
		ExcludeIDs:     c.Options.ExcludeIDs,
	})
	if err != nil {
		return err
	}
	if x.Len() != c.Expect.Count {
		t.Errorf("got %d items, expected %d", x.Len(), c.Expect.Count)
	}
	c.checkHits(t, rows)
	var keys [][]string
	var classes [][]int32
	decode(t, c.Expect.Keys, &keys)
	decode(t, c.Expect.Classes, &classes)
	for q, row := range rows {
		for i, hit := range row {
			if key, err := x.Key(hit.ID); err != nil || key != keys[q][i] || hit.Class != classes[q][i] {
				t.Errorf("query %d, hit %d: got %q (%v) of class %d, expected %q of class %d", q, i, key, err, hit.Class, keys[q][i], classes[q][i])
			}
		}
	}
	return nil
}

func (c *vectorCase) checkHits(t *testing.T, rows [][]Hit) {
	t.Helper()
	var ids [][]int64
	decode(t, c.Expect.IDs, &ids)
	if len(rows) != len(ids) {
		t.Fatalf("got %d rows, expected %d", len(rows), len(ids))
	}
	for q, row := range rows {
		if !reflect.DeepEqual(idsOf(row), ids[q]) {
			t.Fatalf("query %d: got %v, expected %v", q, idsOf(row), ids[q])
		}
		for i, hit := range row {
			if !near(hit.Score, c.Expect.Scores[q][i], c.Expect.Tolerance) {
				t.Errorf("query %d, hit %d: got the score %v, expected %v", q, i, hit.Score, c.Expect.Scores[q][i])
			}
		}
	}
}

func near(got float32, want number, tolerance float64) bool {
	return got == float32(want) || math.Abs(float64(got)-float64(want)) <= tolerance
}

func (c *vectorCase) openIndex(t *testing.T) error {
	path := testsFolder + "/" + c.File
	var x *Index
	var err error
	if data := c.bytesOf(path); data != nil {
		x, err = OpenIndexBytes(data, nil)
	} else {
		x, err = OpenIndex(path, nil)
	}
	if err != nil {
		return err
	}
	defer x.Close()
	if x.Dim() != c.Expect.Dim || x.Len() != c.Expect.Count {
		t.Errorf("got %d items of %d, expected %d of %d", x.Len(), x.Dim(), c.Expect.Count, c.Expect.Dim)
	}
	var keys [][2]any
	decode(t, c.Expect.Keys, &keys)
	for _, pair := range keys {
		if key, err := x.Key(int64(pair[0].(float64))); err != nil || key != pair[1] {
			t.Errorf("key of %v: got %q (%v), expected %q", pair[0], key, err, pair[1])
		}
	}
	return nil
}

func (c *vectorCase) openModel(t *testing.T) error {
	m, err := c.Model.open()
	if err != nil {
		return err
	}
	defer m.Close()
	var classes int
	decode(t, c.Expect.Classes, &classes)
	info := m.Info()
	got := []int{info.Dim, info.NumClasses, info.InputWidth, info.InputHeight}
	if want := []int{c.Expect.Dim, classes, c.Expect.InputWidth, c.Expect.InputHeight}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, expected %v", got, want)
	}
	return nil
}

func (c *vectorCase) embed(t *testing.T) error {
	m, err := c.Model.open()
	if err != nil {
		return err
	}
	defer m.Close()
	found, err := m.Embed(context.Background(), pictures(c.Pictures), nil)
	var failed PictureErrors
	if err != nil && !errors.As(err, &failed) {
		return err
	}
	for i, want := range c.Expect.Statuses {
		got := "RTV_OK"
		if failed != nil && failed[i] != nil {
			got = failed[i].(*Error).Status.Error()
		}
		if got != want {
			t.Errorf("picture %d: got %s, expected %s", i, got, want)
		}
	}
	if !reflect.DeepEqual(found.Classes, c.Expect.Predicted) {
		t.Errorf("got the classes %v, expected %v", found.Classes, c.Expect.Predicted)
	}
	for i, want := range c.Expect.Descriptors {
		largest := 0.0
		for _, value := range want {
			largest = math.Max(largest, math.Abs(float64(value)))
		}
		for j, value := range want {
			if !near(found.Descriptor(i)[j], value, c.Expect.Tolerance*largest) {
				t.Errorf("picture %d, value %d: got %v, expected %v", i, j, found.Descriptor(i)[j], value)
			}
		}
	}
	return nil
}

func (c *vectorCase) similar(t *testing.T) error {
	m, err := c.Model.open()
	if err != nil {
		return err
	}
	defer m.Close()
	x, err := NewIndex(&IndexOptions{Model: m})
	if err != nil {
		return err
	}
	defer x.Close()
	s, err := NewSearcher(m, x, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Add(context.Background(), pictures(c.Pictures), nil, nil); err != nil {
		return err
	}
	var queries []vectorPicture
	decode(t, c.Queries, &queries)
	rows, err := s.Search(context.Background(), pictures(queries), c.K, nil)
	if err != nil {
		return err
	}
	c.checkHits(t, rows)
	return nil
}

func (c *vectorCase) evaluate(t *testing.T) error {
	gallery, err := fill(c.Dim, c.Add)
	if err != nil {
		return err
	}
	defer gallery.Close()
	var queries *Index
	if c.Queries != nil {
		var items []vectorItems
		decode(t, c.Queries, &items)
		queries, err = fill(c.QueriesDim, items)
		fatal(t, err)
		defer queries.Close()
	}
	v, err := Evaluate(context.Background(), gallery, queries, &EvaluateOptions{Ks: c.Ks, Predicted: c.Predicted})
	if err != nil {
		return err
	}
	defer v.Close()
	metrics := map[string]Metric{"recall": Recall, "precision": Precision, "r_precision": RPrecision, "map_at_r": MAPAtR, "map": MAP, "mrr": MRR}
	rules := map[string]Rule{"miss": Miss, "left_out": LeftOut}
	for _, want := range c.Expect.Metrics {
		value, err := v.Metric(metrics[want.Metric], want.K, rules[want.Rule])
		fatal(t, err)
		if !near(float32(value.Value), want.Value, c.Expect.Tolerance) {
			t.Errorf("%s@%d, %s: got %v, expected %v", want.Metric, want.K, want.Rule, value.Value, want.Value)
		}
	}
	if info := v.Info(); info.NumQueries != c.Expect.Queries || info.NumAnswerable != c.Expect.Answerable {
		t.Errorf("got %+v, expected %d queries, %d of them answerable", info, c.Expect.Queries, c.Expect.Answerable)
	}
	results, err := v.Queries()
	fatal(t, err)
	var ids []int64
	decode(t, c.Expect.IDs, &ids)
	for i, r := range results {
		if r.ID != ids[i] || r.NumRelevant != c.Expect.Relevant[i] || r.FirstRank != c.Expect.FirstRanks[i] {
			t.Errorf("query %d: got %+v, expected %d, %d, %d", i, r, ids[i], c.Expect.Relevant[i], c.Expect.FirstRanks[i])
		}
	}
	return nil
}

func (c *vectorCase) quantize(t *testing.T) error {
	m, err := c.Model.open()
	if err != nil {
		return err
	}
	defer m.Close()
	q, err := NewQuantizer(m, &QuantizerOptions{JSON: string(c.Settings)})
	if err != nil {
		return err
	}
	defer q.Close()
	if _, err := q.Add(context.Background(), pictures(c.Pictures)); err != nil {
		return err
	}
	quantized, err := q.Finish(context.Background(), nil)
	if err != nil {
		return err
	}
	defer quantized.Close()
	layers, err := quantized.QuantizedLayers()
	fatal(t, err)
	precisions := map[string]string{}
	for _, layer := range layers {
		precisions[layer.Name] = layer.Precision
	}
	for name, want := range c.Expect.Layers {
		if precisions[name] != want {
			t.Errorf("layer %s computes on %q, expected %q", name, precisions[name], want)
		}
	}
	var queries []vectorPicture
	decode(t, c.Queries, &queries)
	found, err := quantized.Embed(context.Background(), pictures(queries), nil)
	fatal(t, err)
	for i, want := range c.Expect.Descriptors {
		if got := cosine(found.Descriptor(i), flat([][]number{want})); got < c.Expect.LeastCosine {
			t.Errorf("picture %d: got the cosine %v, expected at least %v", i, got, c.Expect.LeastCosine)
		}
	}
	return nil
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

func (c *vectorCase) run(t *testing.T) error {
	switch c.Op {
	case "evaluate":
		return c.evaluate(t)
	case "quantize":
		return c.quantize(t)
	case "search":
		return c.search(t)
	case "open_index":
		return c.openIndex(t)
	case "open_model":
		return c.openModel(t)
	case "embed":
		return c.embed(t)
	case "similar":
		return c.similar(t)
	}
	return fmt.Errorf("unknown op %q", c.Op)
}

func TestVectors(t *testing.T) {
	text, err := os.ReadFile(testsFolder + "/vectors/vectors.json")
	fatal(t, err)
	var table struct {
		Version int
		Cases   []*vectorCase
	}
	decode(t, text, &table)
	if table.Version != 1 || len(table.Cases) == 0 {
		t.Fatalf("got %d cases of version %d, expected some of version 1", len(table.Cases), table.Version)
	}
	for _, c := range table.Cases {
		t.Run(c.Name, func(t *testing.T) {
			err := c.run(t)
			if c.Expect.Status == "" {
				fatal(t, err)
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Status.Error() != c.Expect.Status || !strings.Contains(err.Error(), c.Expect.Says) {
				t.Fatalf("got %v, expected %s with the words %q", err, c.Expect.Status, c.Expect.Says)
			}
		})
	}
}
