package main

import (
	"slices"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/wire"
)

// result is what tells a success of an operation from what comes in its place; ok is false where no success has a body.
func (m *model) result(op *operation) (r wire.Result, ok bool) {
	r = wire.Result{Operation: op.ID, Payload: op.Shape == "payload", Nothing: op.MaybeNothing}
	for _, resp := range op.detail.Responses {
		if resp.Status/100 != 2 || resp.Schema == nil {
			continue
		}
		body, _ := m.unwrap(resp.Schema)
		if body == nil {
			continue
		}
		shape := m.shape(body)
		if !ok {
			r.Shape.Kind = shape.Kind
		}
		ok = true
		for _, name := range shape.Members { // of all statuses
			if !slices.Contains(r.Shape.Members, name) {
				r.Shape.Members = append(r.Shape.Members, name)
			}
		}
		for _, o := range shape.Objects {
			if !slices.ContainsFunc(r.Shape.Objects, func(other wire.Inner) bool { return other.Name == o.Name }) {
				r.Shape.Objects = append(r.Shape.Objects, o)
			}
		}
	}
	if !r.Payload {
		// An error list tells how it went, not what came: with nothing beside it, it is an error.
		r.Shape.Members = slices.DeleteFunc(r.Shape.Members, func(name string) bool { return name == "errors" })
	}
	// A success that has nothing to tell unless something was odd.
	r.Nothing = r.Nothing || slices.Equal(r.Shape.Members, []string{"warnings"}) && r.Shape.Objects == nil
	return r, ok
}

// shape is that of a schema.
func (m *model) shape(s *catalog.Schema) (shape wire.Shape) {
	s = m.resolve(s)
	switch {
	case isStruct(s):
		shape.Kind = wire.ObjectKind
		shape.Members, shape.Objects = m.members(s)
	case s.Type == "array":
		shape.Kind = wire.ListKind
		if items := m.resolve(s.Items); isStruct(items) {
			shape.Members, shape.Objects = m.members(items)
		}
	case s.AdditionalProperties != nil:
		shape.Kind = wire.MapKind
	}
	return shape
}

// members are those of an object. An object among them that may be empty, by its model, is something all the same.
func (m *model) members(s *catalog.Schema) (members []string, objects []wire.Inner) {
	for _, name := range s.Order {
		if inner := m.resolve(s.Properties[name]); isStruct(inner) && len(inner.Required) > 0 {
			objects = append(objects, wire.Inner{Name: name, Members: inner.Order})
		} else {
			members = append(members, name)
		}
	}
	return members, objects
}
