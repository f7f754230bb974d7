package retrieve

import (
	"context"
	"sort"
	"testing"
	"time"
	"unsafe"

	"libretrieve.org/go/retrieve/internal/inc"
)

// BenchmarkCall measures what a search in 1,000 items costs from Go above C, in turns. The index is small and narrow, so that the search itself
// takes little; the figures are medians over the turns.
func BenchmarkCall(b *testing.B) {
	const items, dim, k, calls, turns = 1000, 16, 10, 100, 301
	x := indexOf(b, dim, Items{Vectors: unitVectors(items, dim)})
	query, hits := unitVectors(1, dim), make([]Hit, k)
	ending, end := context.WithCancel(ctx)
	defer end()
	for _, way := range []struct {
		name string
		call func() error
	}{
		{"SearchInto", func() error { _, err := x.SearchInto(ctx, query, hits, nil); return err }},
		{"SearchInto,WithCancel", func() error { _, err := x.SearchInto(ending, query, hits, nil); return err }},
		{"SearchInto,MinScore", func() error {
			_, err := x.SearchInto(ctx, query, hits, &SearchOptions{MinScore: pointer(float32(-9))})
			return err
		}},
		{"Search", func() error { _, err := x.Search(ctx, query, k, nil); return err }},
	} {
		b.Run(way.name, func(b *testing.B) {
			var inC, above []float64
			for turn := 0; turn < turns*b.N; turn++ {
				took := inc.Search(unsafe.Pointer(x.c), query, k, calls)
				start := time.Now()
				for i := 0; i < calls; i++ {
					fatal(b, way.call())
				}
				inC = append(inC, took)
				above = append(above, float64(time.Since(start).Nanoseconds())/calls-took)
			}
			b.ReportMetric(median(inC), "ns-in-C")
			b.ReportMetric(median(above), "ns-above-C")
			b.ReportMetric(0, "ns/op") // which would be that of all turns
		})
	}
}

func median(values []float64) float64 {
	sort.Float64s(values)
	return values[len(values)/2]
}
