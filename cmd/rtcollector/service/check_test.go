package service

import "testing"

// TestProfiles: a service of Windows cannot start a program from the downloads of a user.
func TestProfiles(t *testing.T) {
	if !describe(t, "windows").HasOwnUser {
		t.Error("LocalService is not another user")
	}
	for path, isRefused := range map[string]bool{
		`C:\Users\me\Downloads\rtcollector.exe`:        true,
		`c:/users/me/rtcollector.exe`:                  true,
		`C:\Users\Public\rtcollector\rtcollector.exe`:  false,
		`C:\Users2\rtcollector.exe`:                    false,
		`C:\Program Files\rtcollector\rtcollector.exe`: false,
		`D:\Users\me\rtcollector.exe`:                  false,
	} {
		if err := checkOutsideProfiles(path, `C:\Users`); (err != nil) != isRefused {
			t.Errorf("%s: %v", path, err)
		}
	}
}
