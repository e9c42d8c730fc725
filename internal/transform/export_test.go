package transform

import (
	"image"
	"reflect"
	"slices"
)

// Widen makes d ask for whole images everywhere: the plain way that Decide saves.
func (d *Decision) Widen(width, height int) {
	for i := range d.n {
		s := &d.steps[i]
		s.window = image.Rect(0, 0, s.outWidth, s.outHeight)
	}
	d.Region = image.Rect(0, 0, width, height)
}

// Members lists the members of every operation.
func Members() map[string][]string {
	all := map[string][]string{}
	for name, op := range registry {
		all[name] = fieldNames(reflect.TypeOf(op()).Elem())
		all[name] = slices.DeleteFunc(all[name], func(s string) bool { return s == "" })
	}
	return all
}
