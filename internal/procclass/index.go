package procclass

// index finds the rules that may match a process. Each list has positions of rules, in rising order.
type index struct {
	programs map[string][]int // by names of programs and scripts
	comms    map[string][]int // by names that the kernel has, at most 15 bytes
	initials [256][]int       // rules with patterns, by the first byte of what these match
	any      []int            // rules for which no name is needed, and those with patterns that begin with anything
}

func newIndex(list []Rule) index {
	x := index{programs: make(map[string][]int, len(list)), comms: make(map[string][]int, len(list))}
	for i := range list {
		r := &list[i]
		if !r.isNamed() {
			x.any = appendOnce(x.any, i)
			continue
		}
		for _, n := range []*names{&r.name, &r.exe, &r.comm} {
			for _, name := range n.exact {
				if n != &r.comm {
					x.programs[name] = appendOnce(x.programs[name], i)
				}
				comm := name[:min(len(name), maxComm)]
				x.comms[comm] = appendOnce(x.comms[comm], i)
			}
			for _, p := range n.patterns {
				if p.prefix == "" {
					x.any = appendOnce(x.any, i)
				} else {
					x.initials[p.prefix[0]] = appendOnce(x.initials[p.prefix[0]], i)
				}
			}
		}
	}
	return x
}

func appendOnce(list []int, i int) []int {
	if len(list) > 0 && list[len(list)-1] == i {
		return list
	}
	return append(list, i)
}

// find returns the position of the first rule that matches, or -1.
func (x *index) find(list []Rule, f *facts) int {
	best := len(list)
	try := func(candidates []int) {
		for _, i := range candidates {
			if i >= best {
				return
			}
			if list[i].matches(f) {
				best = i
				return
			}
		}
	}
	try(x.comms[f.comm])
	try(x.programs[f.program])
	try(x.programs[f.script])
	var last string
	for _, name := range [...]string{f.program, f.comm, f.script} {
		if name != "" && (last == "" || name[0] != last[0]) {
			try(x.initials[name[0]])
			last = name
		}
	}
	try(x.any)
	if best == len(list) {
		return -1
	}
	return best
}
