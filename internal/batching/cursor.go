package batching

import "strconv"

// AppendJSON appends what json.Marshal makes of c. Every batch carries its cursor,
// and reflection took as long as filling the batch.
func (c *Cursor) AppendJSON(b []byte) []byte {
	b = strconv.AppendUint(append(b, `{"epoch":`...), c.Epoch, 10)
	b = appendInt(b, `,"position":`, c.Position)
	if c.Window != 0 {
		b = appendInt(b, `,"window":`, c.Window)
	}
	b = appendList(b, `,"done":`, c.Done, func(b []byte, s Segment) []byte {
		b = s.Geometry.append(append(b, '{'))
		b = appendInt(b, `,"steps":`, int64(s.Steps))
		return append(appendInt(b, `,"added":`, s.Added), '}')
	})
	b = appendList(b, `,"ready":`, c.Ready, appendRefs)
	b = appendList(b, `,"open":`, c.Open, appendRefs)
	return append(b, '}')
}

// AppendJSON appends what json.Marshal makes of g.
func (g Geometry) AppendJSON(b []byte) []byte { return append(g.append(append(b, '{')), '}') }

func (g Geometry) append(b []byte) []byte {
	b = appendInt(b, `"batch_size":`, int64(g.BatchSize))
	b = appendInt(b, `,"world_size":`, int64(g.World))
	return appendInt(b, `,"micro":`, int64(g.Micro))
}

func appendRefs(b []byte, refs []Ref) []byte {
	b = append(b, '[')
	for i, r := range refs {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendInt(b, `{"at":`, r.At)
		if r.Part != 0 {
			b = appendInt(b, `,"part":`, int64(r.Part))
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendList appends a list that is left out where it is empty.
func appendList[T any](b []byte, name string, list []T, one func([]byte, T) []byte) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(append(b, name...), '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, v)
	}
	return append(b, ']')
}

func appendInt(b []byte, name string, v int64) []byte {
	return strconv.AppendInt(append(b, name...), v, 10)
}
