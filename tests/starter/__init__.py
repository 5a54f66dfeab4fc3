from pathlib import Path

STARTER = Path(__file__).resolve().parents[2] / "starter"
