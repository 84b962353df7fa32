package observe

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
)

// refresh is the time between two looks at the board.
const refresh = 100 * time.Millisecond

// maxInput is how many bytes of a filter can be typed or pasted.
const maxInput = 256

// model is the state of the view. Bubble Tea passes it by value.
type model struct {
	config        Config
	width, height int
	began         time.Time

	group    View
	filter   string // in lower case
	typing   bool
	help     bool
	paused   bool
	selected uint64 // number of an event; 0: the newest one, whichever that is
	detail   *entry // the event whose process is shown; nil: the list
	scroll   int    // first line of the detail

	seen   snapshot
	alerts int // that were there when the bell rang last
}

func newModel(c Config) model {
	m := model{config: c, width: 80, height: 24, group: c.Group, began: time.Now()}
	m.look()
	m.alerts = m.seen.totals.Alerts
	return m
}

// tick is sent when it is time to look at the board.
type tick struct{}

func nextTick() tea.Cmd { return tea.Tick(refresh, func(time.Time) tea.Msg { return tick{} }) }

// Init implements tea.Model.
func (m model) Init() tea.Cmd { return nextTick() }

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
		if !m.paused && m.config.Board.hasChanged(&m.seen) {
			m.look()
		}
		return m, tea.Batch(nextTick(), m.ring())
	case tui.Continued:
		return m, tea.ClearScreen // and draws everything again
	}
	return m, nil
}

// look takes over what the board has now.
func (m *model) look() { m.seen = m.config.Board.read(m.group, m.config.Show, m.filter) }

// ring returns the command that rings the bell if there are new alerts.
func (m *model) ring() tea.Cmd {
	if m.alerts == m.seen.totals.Alerts {
		return nil
	}
	m.alerts = m.seen.totals.Alerts
	if !m.config.Bell {
		return nil
	}
	return tea.Raw("\a")
}

func (m model) pressKey(key tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	switch key.String() {
	case "ctrl+c":
		return m, tea.Quit
	case "ctrl+z":
		return m, tui.Suspend()
	}
	if m.typing {
		m.pressWhileTyping(key)
		return m, nil
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
		m.leave()
	case "enter", "right":
		m.detail, m.scroll = m.selectedEntry(), 0
	case "/":
		m.typing, m.detail = true, nil
	case "v":
		m.group = (m.group + 1) % viewCount
		m.look()
	case "p", "space":
		if m.paused = !m.paused; !m.paused {
			m.look()
		}
	case "up", "k":
		m.move(-1)
	case "down", "j":
		m.move(1)
	case "pgup":
		m.move(-m.listHeight())
	case "pgdown":
		m.move(m.listHeight())
	case "home", "g":
		m.move(-1 << 30)
	case "end", "G":
		m.move(1 << 30)
	}
	return m, nil
}

// leave goes back one step: from a process to the list, to the newest event, to all events.
func (m *model) leave() {
	switch {
	case m.detail != nil:
		m.detail = nil
	case m.selected != 0:
		m.selected = 0
	default:
		m.setFilter("")
	}
}

func (m *model) pressWhileTyping(key tea.KeyPressMsg) {
	switch key.String() {
	case "esc":
		m.typing = false
		m.setFilter("")
	case "enter":
		m.typing = false
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(m.filter)
		m.setFilter(m.filter[:len(m.filter)-size])
	case "ctrl+u":
		m.setFilter("")
	default:
		m.insert(key.Key().Text)
	}
}

// insert appends typed text. The filter applies while it is typed.
func (m *model) insert(text string) {
	if m.typing && len(m.filter)+len(text) <= maxInput {
		m.setFilter(m.filter + strings.ToLower(text))
	}
}

func (m *model) setFilter(text string) {
	m.filter = text
	m.look()
}

// selectedIndex returns the position of the selected event among those that are shown, or -1 if there are none. If it is not
// shown any more, that is the one after it.
func (m *model) selectedIndex() int {
	newest := len(m.seen.events) - 1
	if m.selected == 0 {
		return newest
	}
	i := slices.IndexFunc(m.seen.events, func(e *entry) bool { return e.number >= m.selected })
	if i < 0 {
		return newest
	}
	return i
}

func (m *model) selectedEntry() *entry {
	if i := m.selectedIndex(); i >= 0 {
		return m.seen.events[i]
	}
	return nil
}

// move moves the selection, or scrolls the page of a process. At the newest event, the list follows.
func (m *model) move(by int) {
	if m.detail != nil {
		m.scroll = max(0, min(m.scroll+by, len(m.detailLines())-m.bodyHeight()))
		return
	}
	i := m.selectedIndex() + by
	switch last := len(m.seen.events) - 1; {
	case last < 0:
	case i >= last:
		m.selected = 0
	default:
		m.selected = m.seen.events[max(i, 0)].number
	}
}
