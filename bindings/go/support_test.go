package retrieve

import (
	"errors"
	"math"
	"math/rand"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// What the tests share: the toy network, pictures of the example gallery, noise.

const (
	testsFolder = "../../tests"
	gallery     = "../../examples/gallery"
)

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refuses checks that an error has this status and these words.
func refuses(t testing.TB, err error, target error, words string) {
	t.Helper()
	if !errors.Is(err, target) || !strings.Contains(err.Error(), words) {
		t.Fatalf("got %v, expected %v with the words %q", err, target, words)
	}
}

// panics is what a function panics with.
func panics(function func()) (value any) {
	defer func() { value = recover() }()
	function()
	return nil
}

// toy is a network of base width 4 with descriptors of 12 and 5 classes, for pictures of 32 x 32.
func toy(t testing.TB, options *ModelOptions) *Model {
	t.Helper()
	m, err := ImportModel(testsFolder+"/golden/models/cgd_sg.pth", &ImportOptions{InputWidth: 32, InputHeight: 32}, options)
	fatal(t, err)
	t.Cleanup(func() { m.Close() })
	return m
}

// picturesOf are gallery pictures, five a class.
func picturesOf(t testing.TB, classes ...string) (paths []string) {
	t.Helper()
	for _, class := range classes {
		found, err := filepath.Glob(gallery + "/" + class + "/*.png")
		fatal(t, err)
		sort.Strings(found)
		paths = append(paths, found...)
	}
	if len(paths) != 5*len(classes) {
		t.Fatalf("got %d pictures of %v, expected five a class", len(paths), classes)
	}
	return paths
}

// hash is the noise that every language computes: tests/golden/models/README.md.
func hash(i int) uint32 {
	h := uint32(i) * 2654435761
	h = (h ^ h>>15) * 2246822519
	h = (h ^ h>>13) * 3266489917
	return h ^ h>>16
}

func noise(count, first int) []float32 {
	values := make([]float32, count)
	for i := range values {
		values[i] = float32(hash(first+i)>>8)/4194304 - 2
	}
	return values
}

func noiseBytes(count, first int) []byte {
	values := make([]byte, count)
	for i := range values {
		values[i] = byte(hash(first+i) >> 24)
	}
	return values
}

// unitVectors are n random vectors of length 1.
func unitVectors(n, dim int) []float32 {
	random := rand.New(rand.NewSource(3))
	values := make([]float32, n*dim)
	for i := 0; i < n; i++ {
		sum := 0.0
		row := values[i*dim : (i+1)*dim]
		for j := range row {
			row[j] = float32(random.NormFloat64())
			sum += float64(row[j]) * float64(row[j])
		}
		for j := range row {
			row[j] /= float32(math.Sqrt(sum))
		}
	}
	return values
}

// indexOf is an index of vectors in memory.
func indexOf(t testing.TB, dim int, items Items) *Index {
	t.Helper()
	x, err := NewIndex(&IndexOptions{Dim: dim})
	fatal(t, err)
	t.Cleanup(func() { x.Close() })
	fatal(t, x.Add(items))
	return x
}

func idsOf(hits []Hit) []int64 {
	ids := []int64{}
	for _, hit := range hits {
		ids = append(ids, hit.ID)
	}
	return ids
}

func pointer[T any](value T) *T { return &value }
