package jpeg

import (
	"encoding/binary"
	"testing"
)

func TestExifOrientation(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		magic := "II*\x00"
		if order == binary.AppendByteOrder(binary.BigEndian) {
			magic = "MM\x00*"
		}
		tiff := func(entries ...[4]uint32) []byte { // tag, type, count, value
			b := order.AppendUint32([]byte(magic), 8)
			b = order.AppendUint16(b, uint16(len(entries)))
			for _, e := range entries {
				b = order.AppendUint16(order.AppendUint16(b, uint16(e[0])), uint16(e[1]))
				b = order.AppendUint32(b, e[2])
				if e[1] == 3 {
					b = order.AppendUint16(order.AppendUint16(b, uint16(e[3])), 0)
				} else {
					b = order.AppendUint32(b, e[3])
				}
			}
			return b
		}
		for name, c := range map[string]struct {
			tiff []byte
			want int
		}{
			"short":           {tiff([4]uint32{256, 3, 1, 7}, [4]uint32{274, 3, 1, 6}), 6},
			"long":            {tiff([4]uint32{274, 4, 1, 8}), 8},
			"two values":      {tiff([4]uint32{274, 3, 2, 6}), 1},
			"another type":    {tiff([4]uint32{274, 2, 1, 6}), 1},
			"no orientation":  {tiff([4]uint32{274, 3, 1, 9}), 1},
			"zero":            {tiff([4]uint32{274, 3, 1, 0}), 1},
			"absent":          {tiff(), 1},
			"cut":             {tiff([4]uint32{274, 3, 1, 6})[:20], 1},
			"short directory": {tiff()[:9], 1},
			"beyond the end":  {order.AppendUint32([]byte(magic), 1<<31), 1},
			"nothing":         {nil, 1},
			"no TIFF":         {[]byte("no TIFF at all"), 1},
		} {
			if got := ExifOrientation(c.tiff); got != c.want {
				t.Errorf("%s %s: %d, want %d", magic[:2], name, got, c.want)
			}
		}
	}
}
