package retrieve

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"testing"
	"time"
)

// BenchmarkCall measures what a search in 1,000 items costs from Go above C, in turns with benchmarks/bench_call, which RTV_BENCH_CALL names.
// The index is small and narrow, so that the search itself takes little; the figures are medians over the rounds.
func BenchmarkCall(b *testing.B) {
	const items, dim, k, calls = 1000, 16, 10, 500
	program := os.Getenv("RTV_BENCH_CALL")
	if program == "" {
		b.Skip("skipped: RTV_BENCH_CALL does not name BUILD/benchmarks/bench_call")
	}
	path := b.TempDir() + "/index"
	x := indexOf(b, dim, Items{Vectors: unitVectors(items, dim)})
	fatal(b, x.Save(path))
	query, hits := make([]float32, dim), make([]Hit, k)
	for i := range query {
		query[i] = float32(i%7) / 7
	}
	inC := startBenchCall(b, program, path, dim, calls)
	ending, end := context.WithCancel(ctx)
	defer end()
	for _, way := range []struct {
		name string
		call func() error
	}{
		{"SearchInto", func() error { _, err := x.SearchInto(ctx, query, hits, nil); return err }},
		{"Search", func() error { _, err := x.Search(ctx, query, k, nil); return err }},
		{"SearchInto,MinScore", func() error {
			_, err := x.SearchInto(ctx, query, hits, &SearchOptions{MinScore: pointer(float32(-9))})
			return err
		}},
		{"SearchInto,WithCancel", func() error { _, err := x.SearchInto(ending, query, hits, nil); return err }},
		{"Key", func() error { _, err := x.Key(7); return err }},
	} {
		b.Run(way.name, func(b *testing.B) {
			var c, above []float64
			for round := 0; round < 41*b.N; round++ {
				took := inC()
				start := time.Now()
				for i := 0; i < calls; i++ {
					fatal(b, way.call())
				}
				c = append(c, took)
				above = append(above, float64(time.Since(start).Nanoseconds())/calls-took)
			}
			b.ReportMetric(median(c), "ns/C")
			b.ReportMetric(median(above), "ns-above-C")
			b.ReportMetric(0, "ns/op") // which would be that of all rounds
		})
	}
}

// startBenchCall gives a function that has the C program make its calls, and tells nanoseconds a call.
func startBenchCall(b *testing.B, program, path string, dim, calls int) func() float64 {
	child := exec.Command(program, path, fmt.Sprint(dim))
	to, err := child.StdinPipe()
	fatal(b, err)
	out, err := child.StdoutPipe()
	fatal(b, err)
	fatal(b, child.Start())
	from := bufio.NewReader(out)
	b.Cleanup(func() {
		to.Close()
		child.Wait()
	})
	return func() (nanoseconds float64) {
		fmt.Fprintln(to, calls)
		_, err := fmt.Fscan(from, &nanoseconds)
		fatal(b, err)
		return nanoseconds
	}
}

func median(values []float64) float64 {
	sort.Float64s(values)
	return values[len(values)/2]
}
