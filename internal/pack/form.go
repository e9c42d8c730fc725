package pack

import (
	"errors"

	"stoker/internal/errs"
	"stoker/jpeg"
)

// form returns the bytes in which a JPEG is kept: as it is, as one scan, or
// re-coded. Nothing of the picture is lost. JPEGs that cannot have the form stay
// as they are.
func (p *packer) form(blob []byte) ([]byte, error) {
	convert := jpeg.Baseline
	switch {
	case p.opts.Recode:
		convert = jpeg.Recode
	case !p.opts.Baseline:
		return blob, nil
	}
	converted, err := convert(blob)
	var e *jpeg.Error
	switch {
	case err == nil:
		if &converted[0] != &blob[0] {
			p.converted.Add(1)
		}
		return converted, nil
	case errors.As(err, &e) && e.Kind != jpeg.Corrupt:
		return blob, nil
	}
	return nil, errs.New(errs.Corrupt, "%w", err)
}
