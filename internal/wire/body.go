package wire

import "errors"

// decoding is what a generated decoder gets from the [Decoder] that it embeds.
type decoding interface {
	Reset(body []byte)
	Object() (Object, bool)
	Present() bool
	Skip()
	Finish() ([]Warning, error)
}

var errNull = errors.New("the body is null")

// BareObject decodes a body that is the result itself.
func BareObject[D any, P interface {
	*D
	decoding
}, T any](read func(P, *T) bool) Decode[*T] {
	return func(body []byte) (*T, []Warning, error) {
		d := P(new(D))
		d.Reset(body)
		v := new(T)
		if d.Present() {
			read(d, v)
			return finish(d, v)
		}
		return v, nil, nullOr(d)
	}
}

// BareValue is [BareObject] for arrays, maps and scalars.
func BareValue[D any, P interface {
	*D
	decoding
}, T any](read func(P) T) Decode[T] {
	return func(body []byte) (T, []Warning, error) {
		d := P(new(D))
		d.Reset(body)
		if d.Present() {
			return finish(d, read(d))
		}
		var zero T
		return zero, nil, nullOr(d)
	}
}

// PayloadObject decodes a body that holds the result in its member "payload". A missing payload is a zero T, not nil.
func PayloadObject[D any, P interface {
	*D
	decoding
}, T any](read func(P, *T) bool) Decode[*T] {
	return func(body []byte) (*T, []Warning, error) {
		d := P(new(D))
		d.Reset(body)
		v := new(T)
		payload(d, func() { read(d, v) })
		return finish(d, v)
	}
}

// PayloadValue is [PayloadObject] for arrays, maps and scalars.
func PayloadValue[D any, P interface {
	*D
	decoding
}, T any](read func(P) T) Decode[T] {
	return func(body []byte) (T, []Warning, error) {
		d := P(new(D))
		d.Reset(body)
		var v T
		payload(d, func() { v = read(d) })
		return finish(d, v)
	}
}

func payload(d decoding, read func()) {
	obj, _ := d.Object()
	for obj.Next() {
		if string(obj.Key()) == "payload" {
			read()
		} else {
			d.Skip()
		}
	}
}

func finish[T any](d decoding, v T) (T, []Warning, error) {
	warnings, err := d.Finish()
	return v, warnings, err
}

// nullOr tells a null body from a broken one.
func nullOr(d decoding) error {
	if _, err := d.Finish(); err != nil {
		return err
	}
	return errNull
}
