"""What the agent's tests run, and what their private host has where."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BERTHD, BERTH = ROOT / "build/berthd", ROOT / "build/berth"
BERTH_UID, KEYS_UID, SESSION_UID = 990, 991, 992
STORE = "/run/store/berth.db"
CONFIG = "/etc/berth/berth.conf"
TRANSFERS = "/var/log/berth/transfers.jsonl"
