package outputs

// Outcome returns the error of a write whose first settled samples or events are settled. Of those, the destination rejected some for good, by
// reason, because of why. Err tells why the others must be written again; nil if there are none.
func Outcome(settled int, reasons map[string]int, why, err error) error {
	var rejected *RejectError
	if len(reasons) > 0 {
		rejected = &RejectError{Err: why, Reasons: reasons}
		for _, n := range reasons {
			rejected.N += n
		}
	}
	switch {
	case err != nil && settled > 0:
		return &PartialError{Settled: settled, Rejected: rejected, Err: err}
	case err != nil:
		return err
	case rejected != nil:
		return rejected
	}
	return nil
}
