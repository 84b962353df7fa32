package top

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
)

// page is one of the views.
type page int

const (
	hostsPage page = iota
	hostPage
	processesPage // of a host
	exprPage
)

// field is what the user is typing.
type field int

const (
	noField field = iota
	filterField
	exprField
)

// maxInput is how many bytes can be typed or pasted. The engine refuses longer expressions much later.
const maxInput = 4096

// readTimeout is how long one reading may take.
const readTimeout = 20 * time.Second

// model is the state of the program. Bubble Tea passes it by value.
type model struct {
	config Config
	source *source
	ctx    context.Context

	width, height int
	page          page
	over          int // index into spans
	typing        field
	input         string
	help          bool

	filter   string
	selected string // host
	scroll   int    // first line of a host's page or of results

	host string
	expr string

	hosts     []hostRow
	data      *hostData
	processes *processData
	results   exprData

	request int       // number of the latest reading; older ones are ignored
	readAt  time.Time // of the data that is shown; zero: none yet
	err     error     // of the latest reading; the data is then older
}

func newModel(ctx context.Context, c Config) model {
	m := model{config: c, source: &source{engine: c.Engine, reader: c.Reader, intervals: map[string]time.Duration{}}, ctx: ctx, width: 80, height: 24, over: spanIndex(c.Span), host: c.Host, expr: c.Expr}
	switch {
	case c.Expr != "":
		m.page = exprPage
	case c.Host != "":
		m.page = hostPage
	}
	return m
}

// spanIndex returns the first span that is not shorter than d.
func spanIndex(d time.Duration) int {
	i := slices.IndexFunc(spans, func(s span) bool { return time.Duration(s) >= d })
	return max(i, 0)
}

// tick is sent when the data should be read again.
type tick struct{ request int }

// answer is the result of a reading.
type answer struct {
	request   int
	at        time.Time
	hosts     []hostRow
	data      *hostData
	processes *processData
	results   exprData
	err       error
}

// Init implements tea.Model.
func (m model) Init() tea.Cmd { return m.read() }

// read returns the command that reads what the page shows.
func (m model) read() tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, readTimeout)
		defer cancel()
		a := answer{request: m.request, at: time.Now()}
		switch m.page {
		case hostsPage:
			a.hosts, a.err = m.source.readHosts(ctx, a.at, spans[m.over])
		case hostPage:
			a.data, a.err = m.source.readHost(ctx, a.at, spans[m.over], m.host)
		case processesPage:
			a.processes, a.err = m.source.readProcesses(ctx, a.at, spans[m.over], m.host)
		case exprPage:
			if m.expr != "" {
				a.results, a.err = m.source.readExpr(ctx, a.at, spans[m.over], m.expr)
			}
		}
		return a
	}
}

// Update implements tea.Model.
func (m model) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch message := message.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = message.Width, message.Height
	case tea.KeyPressMsg:
		return m.pressKey(message)
	case tea.PasteMsg:
		m.insert(strings.ReplaceAll(message.Content, "\n", " "))
	case tick:
		if message.request == m.request {
			return m, m.read()
		}
	case answer:
		return m.show(message)
	case tui.Continued:
		return m, tea.ClearScreen // and draws everything again
	}
	return m, nil
}

// show takes over the result of a reading and plans the next one. If the reading failed, the previous data stays.
func (m model) show(a answer) (tea.Model, tea.Cmd) {
	if a.request != m.request {
		return m, nil
	}
	if m.err = a.err; a.err == nil {
		m.readAt, m.hosts, m.data, m.processes, m.results = a.at, a.hosts, a.data, a.processes, a.results
		if m.page == hostsPage && m.rowOf(m.selected) < 0 && len(m.visibleHosts()) > 0 {
			m.selected = m.visibleHosts()[0].name
		}
	}
	request := m.request
	return m, tea.Tick(m.config.Refresh, func(time.Time) tea.Msg { return tick{request} })
}

// restart reads at once, because what is shown has changed.
func (m model) restart() (tea.Model, tea.Cmd) {
	m.request++
	m.err = nil
	return m, m.read()
}

// open changes to another page.
func (m model) open(p page) (tea.Model, tea.Cmd) {
	m.page, m.scroll, m.readAt = p, 0, time.Time{}
	m.hosts, m.data, m.processes, m.results = nil, nil, nil, exprData{}
	return m.restart()
}

func (m model) pressKey(key tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	switch key.String() {
	case "ctrl+c":
		return m, tea.Quit
	case "ctrl+z":
		return m, tui.Suspend()
	}
	if m.typing != noField {
		return m.pressWhileTyping(key)
	}
	if m.help {
		m.help = false
		return m, nil
	}
	switch key.String() {
	case "q", "Q":
		return m, tea.Quit
	case "?":
		m.help = true
	case "esc", "backspace", "left":
		switch m.page {
		case hostsPage:
			m.filter = ""
		case processesPage:
			return m.open(hostPage)
		case hostPage, exprPage:
			m.selected = m.host
			return m.open(hostsPage)
		}
	case "enter", "right":
		if m.page == hostsPage && m.rowOf(m.selected) >= 0 {
			m.host = m.selected
			return m.open(hostPage)
		}
	case "p":
		if m.page == hostsPage && m.rowOf(m.selected) >= 0 {
			m.host = m.selected
		}
		if m.host != "" {
			return m.open(processesPage)
		}
	case "h":
		return m.open(hostsPage)
	case "/":
		m.typing, m.input = filterField, m.filter
	case "e", ":":
		m.typing, m.input = exprField, m.expr
	case "+", "=":
		m.over = min(m.over+1, len(spans)-1)
		return m.restart()
	case "-":
		m.over = max(m.over-1, 0)
		return m.restart()
	case "r":
		return m.restart()
	case "up", "k":
		m.move(-1)
	case "down", "j":
		m.move(1)
	case "pgup":
		m.move(-m.bodyHeight())
	case "pgdown", "space":
		m.move(m.bodyHeight())
	case "home", "g":
		m.move(-1 << 30)
	case "end", "G":
		m.move(1 << 30)
	}
	return m, nil
}

func (m model) pressWhileTyping(key tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	switch key.String() {
	case "esc":
		if m.typing == filterField {
			m.filter = ""
		}
		m.typing = noField
	case "enter":
		typed := m.typing
		m.typing = noField
		if typed == exprField {
			m.expr = strings.TrimSpace(m.input)
			return m.open(exprPage)
		}
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(m.input)
		m.input = m.input[:len(m.input)-size]
		m.insert("")
	case "ctrl+u":
		m.input = ""
		m.insert("")
	default:
		m.insert(key.Key().Text)
	}
	return m, nil
}

// insert appends typed text. The filter applies while it is typed.
func (m *model) insert(text string) {
	if m.typing == noField || len(m.input)+len(text) > maxInput {
		return
	}
	m.input += text
	if m.typing == filterField {
		m.filter = m.input
		if visible := m.visibleHosts(); m.rowOf(m.selected) < 0 && len(visible) > 0 {
			m.selected = visible[0].name
		}
	}
}

// move moves the selection in the list of hosts, and scrolls on the other pages.
func (m *model) move(by int) {
	if m.page != hostsPage {
		m.scroll = max(0, min(m.scroll+by, m.lineCount()-m.bodyHeight()))
		return
	}
	if visible := m.visibleHosts(); len(visible) > 0 {
		m.selected = visible[max(0, min(m.rowOf(m.selected)+by, len(visible)-1))].name
	}
}

// visibleHosts returns the hosts that match the filter.
func (m *model) visibleHosts() []hostRow {
	if m.filter == "" {
		return m.hosts
	}
	var visible []hostRow
	for _, h := range m.hosts {
		if strings.Contains(strings.ToLower(h.name+" "+h.concern), strings.ToLower(m.filter)) {
			visible = append(visible, h)
		}
	}
	return visible
}

// rowOf returns the position of a host in the list, or -1.
func (m *model) rowOf(host string) int {
	return slices.IndexFunc(m.visibleHosts(), func(h hostRow) bool { return h.name == host })
}
