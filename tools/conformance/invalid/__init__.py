"""Models, requests and messages that break a rule, sent to a driver as they are: it must refuse them and live on."""
