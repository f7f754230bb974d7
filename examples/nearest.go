// The most similar pictures of an index: nearest MODEL INDEX PICTURE
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"libretrieve.org/go/retrieve"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	model := must(retrieve.LoadModel(os.Args[1], nil))
	index := must(retrieve.OpenIndex(os.Args[2], nil))
	searcher := must(retrieve.NewSearcher(model, index, nil))
	for _, hit := range must(searcher.SearchOne(context.Background(), retrieve.File(os.Args[3]), 10, nil)) {
		fmt.Printf("%.4f  %s\n", hit.Score, must(index.Key(hit.ID)))
	}
}
