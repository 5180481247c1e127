package datakiosk

import (
	"embed"
	"strings"
)

//go:embed schema/*.graphql
var schemas embed.FS

// Schema is the fields and types of a data set, as GraphQL has them. Names and types are those of Amazon's schemas; see schemas/data-kiosk of
// amzn/selling-partner-api-models for what they mean.
type Schema struct {
	Name string // such as "analytics_salesAndTraffic_2024_04_24"
	SDL  string // the schema definition language
}

// Schemas returns all schemas by name.
func Schemas() []Schema {
	files, err := schemas.ReadDir("schema")
	if err != nil {
		panic("datakiosk: " + err.Error()) // embedded
	}
	var list []Schema
	for _, f := range files {
		b, err := schemas.ReadFile("schema/" + f.Name())
		if err != nil {
			panic("datakiosk: " + err.Error())
		}
		list = append(list, Schema{Name: strings.TrimSuffix(f.Name(), ".graphql"), SDL: string(b)})
	}
	return list
}
