package codec

import "encoding/binary"

// exifOrientation returns tag 274 of the first directory of a TIFF structure, as
// EXIF holds one, or 0 where there is none that can be read (TIFF 6.0, section 2).
func exifOrientation(tiff []byte) int {
	const tagOrientation, typeShort, typeLong = 274, 3, 4
	if len(tiff) < 8 {
		return 0
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return 0
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < 12 {
			return 0
		}
		entry := entries[:12]
		entries = entries[12:]
		if order.Uint16(entry) != tagOrientation || order.Uint32(entry[4:]) != 1 {
			continue
		}
		switch order.Uint16(entry[2:]) {
		case typeShort:
			return int(order.Uint16(entry[8:]))
		case typeLong:
			return int(order.Uint32(entry[8:]))
		}
	}
	return 0
}
