package main

import (
	"errors"
	"io/fs"
	"path"
	"slices"
)

// ownModels is where models of the project's own lie.
const ownModels = "internal/gen/overlay/models/"

// withOwn adds the models of overlay/models to those of a checkout: API versions that Amazon published after the checkout that the project is made
// from. They are written for the project, without Amazon's sentences, and each gives way to Amazon's model of the same API version.
func withOwn(overlay fs.FS, models []*model) ([]*model, error) {
	files, err := fs.Glob(overlay, "overlay/models/*.json")
	if err != nil {
		return nil, err
	}
	var problems []error
	published := models
	for _, name := range files {
		data, err := fs.ReadFile(overlay, name)
		if err != nil {
			return nil, err
		}
		m, err := parseModel(ownModels+path.Base(name), data)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if !slices.ContainsFunc(published, m.isPublishedAs) {
			m.own = true
			models = append(models, m)
		}
	}
	return models, errors.Join(problems...)
}

// isPublishedAs tells whether other is Amazon's model of m's API version, whatever its file is called: the package would be the same, or the version
// is, and an operation too.
func (m *model) isPublishedAs(other *model) bool {
	if other.pkg == m.pkg {
		return true
	}
	return other.version == m.version && slices.ContainsFunc(other.ops, func(op *operation) bool {
		return slices.ContainsFunc(m.ops, func(own *operation) bool { return own.Method == op.Method && own.Path == op.Path })
	})
}
