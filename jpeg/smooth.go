package jpeg

type smoother struct{}

func (d *Decoder) smoother() *smoother  { return nil }
func (s *smoother) transform(ci, r int) {}
func (d *Decoder) markGood(row int)     {}
