package jpeg

import "encoding/binary"

// ExifOrientation returns tag 274 of the first directory of a TIFF structure, as
// EXIF data is one in JPEG, PNG and WebP files: 1 to 8, and 1 where there is none
// that can be read (TIFF 6.0, section 2).
func ExifOrientation(tiff []byte) int {
	const tagOrientation, typeShort, typeLong, upright = 274, 3, 4, 1
	if len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return upright
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return upright
	}
	entries := tiff[at+2:]
	for n := order.Uint16(tiff[at:]); n > 0 && len(entries) >= 12; n-- {
		entry := entries[:12]
		entries = entries[12:]
		if order.Uint16(entry) != tagOrientation || order.Uint32(entry[4:]) != 1 {
			continue
		}
		value := uint32(0)
		switch order.Uint16(entry[2:]) {
		case typeShort:
			value = uint32(order.Uint16(entry[8:]))
		case typeLong:
			value = order.Uint32(entry[8:])
		}
		if value >= 1 && value <= 8 {
			return int(value)
		}
	}
	return upright
}
