package retrieve_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"testing"

	"libretrieve.org/go/retrieve"
)

// The program of README.md is examples/nearest.go, which the test go_consumer builds and runs.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("../../examples/nearest.go")
	if err != nil {
		t.Fatal(err)
	}
	_, wanted, _ := strings.Cut(string(program), "\n") // without its first line
	if _, shown, found := strings.Cut(string(readme), "```go\n"); !found || !strings.HasPrefix(shown, wanted+"```") {
		t.Error("README.md: the program in Go is not examples/nearest.go")
	}
}

func Example() {
	ctx := context.Background()
	model, err := retrieve.LoadModel("cgd.safetensors", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	index, err := retrieve.NewIndex(&retrieve.IndexOptions{Model: model})
	if err != nil {
		log.Fatal(err)
	}
	defer index.Close()
	searcher, err := retrieve.NewSearcher(model, index, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer searcher.Close()

	var failed retrieve.PictureErrors
	err = searcher.Add(ctx, retrieve.Files("a.jpg", "b.jpg", "c.jpg"), nil, nil)
	if err != nil && !errors.As(err, &failed) {
		log.Fatal(err)
	}
	hits, err := searcher.SearchOne(ctx, retrieve.File("query.jpg"), 10, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, hit := range hits {
		key, _ := index.Key(hit.ID)
		fmt.Printf("%.4f  %s\n", hit.Score, key)
	}
}

func ExampleIndex_Search() {
	index, err := retrieve.NewIndex(&retrieve.IndexOptions{Dim: 2})
	if err != nil {
		log.Fatal(err)
	}
	defer index.Close()
	err = index.Add(retrieve.Items{Vectors: []float32{1, 0, 0.5, 0.5, 0, 1}, Keys: []string{"east", "north-east", "north"}})
	if err != nil {
		log.Fatal(err)
	}
	rows, err := index.Search(context.Background(), []float32{1, 0.25}, 2, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, hit := range rows[0] {
		key, _ := index.Key(hit.ID)
		fmt.Println(hit.Score, key)
	}
	// Output:
	// 1 east
	// 0.625 north-east
}

func ExampleError() {
	_, err := retrieve.OpenIndex("no/such.rtvx", nil)
	var e *retrieve.Error
	if errors.Is(err, os.ErrNotExist) && errors.As(err, &e) {
		fmt.Println(e.Status, e.Path)
	}
	// Output: RTV_E_IO no/such.rtvx
}
