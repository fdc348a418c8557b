package endpoint

// optionRule is what RFC 7252 §5.10 and the RFCs after it say about one option.
type optionRule struct {
	number     OptionNumber
	min, max   int  // length of the value in bytes
	repeatable bool // RFC 7252 §5.4.5
	layer      bool // critical, and understood without help of the handler
}

// optionRules has a row for each option whose format is known. A critical option
// that is not marked layer is understood only if Config.KnownCritical says so.
var optionRules = [...]optionRule{
	{number: IfMatch, min: 0, max: 8, repeatable: true},
	{number: URIHost, min: 1, max: 255, layer: true},
	{number: ETag, min: 1, max: 8, repeatable: true},
	{number: IfNoneMatch, min: 0, max: 0},
	{number: Observe, min: 0, max: 3},
	{number: URIPort, min: 0, max: 2, layer: true},
	{number: LocationPath, min: 0, max: 255, repeatable: true},
	{number: URIPath, min: 0, max: 255, repeatable: true, layer: true},
	{number: ContentFormat, min: 0, max: 2},
	{number: MaxAge, min: 0, max: 4},
	{number: URIQuery, min: 0, max: 255, repeatable: true, layer: true},
	{number: Accept, min: 0, max: 2, layer: true},
	{number: QBlock1, min: 0, max: 3, layer: true},
	{number: LocationQuery, min: 0, max: 255, repeatable: true},
	{number: Block2, min: 0, max: 3, layer: true},
	{number: Block1, min: 0, max: 3, layer: true},
	{number: Size2, min: 0, max: 4},
	{number: QBlock2, min: 0, max: 3, repeatable: true, layer: true},
	{number: ProxyURI, min: 1, max: 1034},
	{number: ProxyScheme, min: 1, max: 255},
	{number: Size1, min: 0, max: 4},
	{number: Echo, min: 1, max: 40},                        // RFC 9175 §2.2.1
	{number: RequestTag, min: 0, max: 8, repeatable: true}, // RFC 9175 §3.2.1
}

func ruleFor(n OptionNumber) (optionRule, bool) {
	for _, r := range optionRules {
		if r.number == n {
			return r, true
		}
	}
	return optionRule{}, false
}

// check drops the elective options that must be ignored and reports the first
// critical one that must not be (RFC 7252 §5.4.1). An option of illegal length
// counts as unrecognised (§5.4.3), and so does each repetition of one that must
// not repeat (§5.4.5). It reuses the memory of opts.
func (cfg *Config) check(opts Options) (kept Options, bad OptionNumber, ok bool) {
	kept = opts[:0]
	last := OptionNumber(0)
	for _, o := range opts {
		rule, hasRule := ruleFor(o.Number)
		legal := !hasRule ||
			len(o.Value) >= rule.min && len(o.Value) <= rule.max && (rule.repeatable || o.Number != last)
		last = o.Number
		switch {
		case legal && (!o.Number.Critical() || rule.layer || cfg.KnownCritical != nil && cfg.KnownCritical(o.Number)):
			kept = append(kept, o)
		case o.Number.Critical():
			return nil, o.Number, false
		}
	}
	return kept, 0, true
}

// ownedByLayer reports whether the message layer adds and removes the option.
func ownedByLayer(n OptionNumber) bool {
	switch n {
	case Observe, Block1, Block2, QBlock1, QBlock2, Size1, Size2, RequestTag:
		return true
	}
	return false
}

// withoutOwned returns a copy of o without the options that the message layer
// owns, with room for those that it adds.
func (o Options) withoutOwned() Options {
	r := make(Options, 0, len(o)+3)
	for _, opt := range o {
		if !ownedByLayer(opt.Number) {
			r = append(r, opt)
		}
	}
	return r
}

// clone returns a copy of o with room for an option or two.
func (o Options) clone() Options { return append(make(Options, 0, len(o)+3), o...) }
