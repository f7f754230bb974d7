package retrieve

import (
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// residentKB is how much memory this process has.
func residentKB(t *testing.T) int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("skipped: no /proc/self/status")
	}
	for _, line := range strings.Split(string(text), "\n") {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kb, err := strconv.Atoi(fields[1])
			fatal(t, err)
			return kb
		}
	}
	t.Fatal("no VmRSS in /proc/self/status")
	return 0
}

// Ten goroutines embed, search and change the index at once: right answers, flat memory. RTV_TEST_FULL=1: ten seconds of it.
func TestTenGoroutines(t *testing.T) {
	rounds := 50
	if os.Getenv("RTV_TEST_FULL") != "" {
		rounds = 1 << 30
	}
	s, m, x, paths := world(t)
	want, err := m.Embed(ctx, Files(paths...), nil)
	fatal(t, err)
	expected, err := x.Search(ctx, want.Descriptors, 4, nil)
	fatal(t, err)
	far := make([]float32, m.Dim()) // comes and goes unseen: its score is below all others
	for i := range far {
		for j := 0; j < len(paths); j++ {
			far[i] -= 100 * want.Descriptor(j)[i]
		}
	}
	work := func(number int, end time.Time) {
		hits := make([]Hit, 4)
		for i := 0; i < rounds && (i < 50 || time.Now().Before(end)); i++ {
			at := (number + i) % len(paths)
			vector, err := m.EmbedOne(ctx, File(paths[at]))
			if err != nil || !reflect.DeepEqual(vector, want.Descriptor(at)) {
				t.Errorf("embed: got %v, %v, expected %v", vector, err, want.Descriptor(at))
			}
			found, err := s.SearchOne(ctx, File(paths[at]), 4, nil)
			if err != nil || !reflect.DeepEqual(found, expected[at]) {
				t.Errorf("searcher: got %v, %v, expected %v", found, err, expected[at])
			}
			id := int64(1000 + number)
			if err := x.Replace(Items{Vectors: far, IDs: []int64{id}}); err != nil {
				t.Error(err)
			}
			found, err = x.SearchInto(ctx, vector, hits, nil)
			if err != nil || !reflect.DeepEqual(found, expected[at]) {
				t.Errorf("index: got %v, %v, expected %v", found, err, expected[at])
			}
			if _, err := x.Remove(id); err != nil {
				t.Error(err)
			}
		}
	}
	run := func(seconds time.Duration) int {
		end := time.Now().Add(seconds * time.Second)
		var all sync.WaitGroup
		for number := 0; number < 10; number++ {
			all.Add(1)
			go func(number int) {
				defer all.Done()
				work(number, end)
			}(number)
		}
		all.Wait()
		fatal(t, x.Compact())
		debug.FreeOSMemory()
		return residentKB(t)
	}
	before := run(2)
	after := run(8)
	if x.Len() != len(paths) {
		t.Errorf("got %d items, expected %d as before", x.Len(), len(paths))
	}
	// The threads' stacks and arenas are warm. What leaks a descriptor or a picture a call would leak hundreds of KB.
	if !raceEnabled && !asanEnabled && after > before+4096 {
		t.Errorf("memory grew from %d KB to %d KB", before, after)
	}
}

// Objects come and go in ten goroutines.
func TestObjectsComeAndGo(t *testing.T) {
	m := toy(t, nil)
	vectors := unitVectors(50, 12)
	run := func() int {
		var all sync.WaitGroup
		for number := 0; number < 10; number++ {
			all.Add(1)
			go func(number int) {
				defer all.Done()
				for i := 0; i < 4; i++ {
					x, err := NewIndex(&IndexOptions{Model: m})
					if err != nil {
						t.Error(err)
						return
					}
					s, err := NewSearcher(m, x, nil)
					if err == nil {
						err = x.Add(Items{Vectors: vectors})
					}
					if err == nil {
						_, err = s.SearchOne(ctx, Pixels(noiseBytes(300, i), RGB, 10, 10, 30), 1, nil)
					}
					if err != nil {
						t.Error(err)
					}
					x.Close()
					s.Close()
				}
			}(number)
		}
		all.Wait()
		runtime.GC()
		debug.FreeOSMemory()
		return residentKB(t)
	}
	run()
	before := run()
	after := run()
	if !raceEnabled && !asanEnabled && after > before+4096 {
		t.Errorf("memory grew from %d KB to %d KB", before, after)
	}
}
