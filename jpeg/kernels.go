package jpeg

// The kernels in use. See kernels_amd64.go for the choice.
var (
	idctRow = idctRowGeneric
	yccRow  = yccRowGeneric
	greyRow = greyRowGeneric
	upH2V1  = upH2V1Generic
	upH2V2  = upH2V2Generic
)
