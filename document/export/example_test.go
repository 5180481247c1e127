package export_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/openspapi/spapi/document"
	"github.com/openspapi/spapi/document/export"
)

func ExampleCopy() {
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "orders.jsonl")

	rows := document.NewRows(strings.NewReader("order-id\tsku\n111\tA\n112\tB\n"), document.RowOptions{})
	header, err := rows.Header()
	if err != nil {
		log.Fatal(err)
	}
	file, err := export.Create(path) // it gets its name when it is whole
	if err != nil {
		log.Fatal(err)
	}
	defer file.Abort()
	format, err := export.FormatOf(path)
	if err != nil {
		log.Fatal(err)
	}
	w, err := export.NewWriter(file, format, header)
	if err != nil {
		log.Fatal(err)
	}
	if err := export.Copy(w, rows); err != nil {
		log.Fatal(err)
	}
	if err := file.Commit(); err != nil {
		log.Fatal(err)
	}
	b, err := os.ReadFile(path)
	fmt.Print(string(b), err, "\n")
	// Output:
	// {"order-id":"111","sku":"A"}
	// {"order-id":"112","sku":"B"}
	// <nil>
}
