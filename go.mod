module github.com/rtcollector/rtcollector

go 1.26
