package prometheusremotewrite

var (
	ParseRetryAfter = parseRetryAfter
	Describe        = describe
	ReasonOf        = reasonOf
)

// VersionInUse returns the version that the next request has.
func (w *Writer) VersionInUse() Version { return w.version }
