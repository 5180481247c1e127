package feeds

import (
	_ "embed"
	"encoding/csv"
	"slices"
	"strings"
	"sync"
	"time"
)

// Type is what is known of a feed type.
type Type struct {
	Name        string    `json:"type"`
	Category    string    `json:"category"`
	ContentType string    `json:"contentType"`      // without the charset
	Removed     time.Time `json:"removed,omitzero"` // from when on it ends FATAL; zero: it doesn't
	Instead     string    `json:"instead,omitzero"` // what to use in place of a removed one
	Once        bool      `json:"once,omitzero"`    // money or stock is moved again when it is sent twice: never sent again without [job.WithSendAgain]
	Note        string    `json:"note,omitzero"`
}

//go:embed types.csv
var typesCSV string

var types = sync.OnceValue(func() []Type {
	r := csv.NewReader(strings.NewReader(typesCSV))
	r.Comment = '#'
	records, err := r.ReadAll()
	if err != nil {
		panic("feeds: types.csv: " + err.Error())
	}
	var list []Type
	for _, f := range records[1:] {
		t := Type{Name: f[0], Category: f[1], ContentType: f[2], Instead: f[4], Once: f[5] == "yes", Note: f[6]}
		if f[3] != "" {
			if t.Removed, err = time.Parse(time.DateOnly, f[3]); err != nil {
				panic("feeds: types.csv: " + err.Error())
			}
		}
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Type) int { return strings.Compare(a.Name, b.Name) })
	return list
})

// Types returns all feed types that Amazon has published, those that are gone included, by name.
func Types() []Type { return slices.Clone(types()) }

// LookupType finds a type by its name.
func LookupType(name string) (Type, bool) {
	list := types()
	i, found := slices.BinarySearchFunc(list, name, func(t Type, name string) int { return strings.Compare(t.Name, name) })
	if !found {
		return Type{Name: name}, false
	}
	return list[i], true
}
