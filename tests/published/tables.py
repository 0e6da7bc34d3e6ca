"""Synthetic tables with the columns of published ones, by a part of their URL."""

import datetime

from tests.published.makers import both, table, within


def _date(row):
    return f"{1 + row // 144 % 28:02}.{1 + row // 4032 % 12:02}.2009 {row // 6 % 24:02}:{row % 6}0:00"


_CLIMATE = ["p (mbar)", "T (degC)", "Tpot (K)", "Tdew (degC)", "rh (%)", "VPmax (mbar)", "VPact (mbar)"]
_CLIMATE += ["VPdef (mbar)", "sh (g/kg)", "H2OC (mmol/mol)", "rho (g/m**3)", "wv (m/s)", "max. wv (m/s)", "wd (deg)"]
_HEART = {"age": (29, 77), "sex": (0, 2), "cp": (0, 5), "trestbps": (94, 200), "chol": (126, 564), "fbs": (0, 2)}
_HEART |= {"restecg": (0, 3), "thalach": (71, 202), "exang": (0, 2), "oldpeak": (0.0, 6.2), "slope": (1, 4)}
_HEART |= {"ca": (0, 4), "thal": ["fixed", "normal", "reversible"], "target": (0, 2)}
_WORK = [" Private", " Self-emp-not-inc", " Local-gov"]
_CENSUS = {"age": (17, 90), "workclass": _WORK, "fnlwgt": (20000, 400000), "education": [" HS-grad", " Bachelors"]}
_CENSUS |= {"education_num": (1, 17), "marital_status": [" Never-married", " Divorced"], "occupation": [" Sales"]}
_CENSUS |= {"relationship": [" Husband", " Wife"], "race": [" White", " Black"], "gender": [" Male", " Female"]}
_CENSUS |= {"capital_gain": (0, 5000), "capital_loss": (0, 2000), "hours_per_week": (1, 99)}
_CENSUS |= {"native_country": [" United-States", " Mexico", " Cuba", " India"], "income_bracket": [" <=50K", " >50K"]}
_COVER = {f"c{i}": (0, 2000) if i < 10 else (0, 2) for i in range(54)} | {"type": (1, 8)}
_MILES = {"mpg": (10.0, 40.0), "cyl": [4, 6, 8], "disp": (70.0, 400.0), "hp": (50.0, 200.0)}
_MILES |= {"weight": (1600.0, 5000.0), "acc": (8.0, 24.0), "year": (70, 83), "origin": [1, 2, 3]}
_SERIES = {
    "timestamp": lambda row: f"2014-04-{1 + row // 288:02} {row // 12 % 24:02}:{row % 12 * 5:02}:00",
    "value": (0.0, 50.0),
}
_KDD_NUMBERS = {0: (0, 90), 5: (0, 2000), 16: (0, 5000), 17: (0, 2000), 18: (0, 3000), 30: (0, 7), 39: (0, 53)}
_KDD_NUMBERS |= {2: (0, 52), 3: (0, 47), 24: (40.0, 4000.0), 40: (94, 96)}  # the 25th is the weight of a row
_KDD = {f"c{i}": _KDD_NUMBERS.get(i, [f" {letter}{i}" for letter in "abc"]) for i in range(41)}
_KDD |= {"income": [" - 50000.", " - 50000.", " 50000+."]}
_BANK = {"age": (18, 90), "job": ['"admin."', '"technician"', '"services"'], "marital": ['"married"', '"single"']}
_BANK |= {"education": ['"basic.4y"', '"high.school"', '"university.degree"'], "default": ['"no"', '"yes"']}
_BANK |= {"housing": ['"no"', '"yes"'], "loan": ['"no"', '"yes"'], "contact": ['"cellular"', '"telephone"']}
_BANK |= {"month": ['"may"', '"jun"', '"nov"'], "day_of_week": ['"mon"', '"tue"', '"fri"'], "duration": (1, 900)}
_BANK |= {"campaign": (1, 9), "pdays": [999, 999, 3, 6], "previous": (0, 4)}
_BANK |= {"poutcome": ['"nonexistent"', '"failure"', '"success"'], "emp.var.rate": (-3.0, 1.4)}
_BANK |= {"cons.price.idx": (92.2, 94.8), "cons.conf.idx": (-50.0, -27.0), "euribor3m": (0.6, 5.0)}
_BANK |= {"nr.employed": (4963.0, 5228.0), "y": ['"no"', '"yes"']}
_PETS = {"Type": ["Cat", "Dog"], "Age": (0, 60), "Breed1": ["Tabby", "Poodle"], "Gender": ["Male", "Female"]}
_PETS |= {"Color1": ["Black", "Brown"], "Color2": ["White", "No Color"], "MaturitySize": ["Small", "Medium"]}
_PETS |= {"FurLength": ["Short", "Long"], "Vaccinated": ["Yes", "No"], "Sterilized": ["Yes", "No"]}
_PETS |= {"Health": ["Healthy", "Minor Injury"], "Fee": (0, 300), "Description": ["A friendly pet."]}
_PETS |= {"PhotoAmt": (0, 9), "AdoptionSpeed": (0, 5)}
_AUSTIN = {"Date": lambda row: datetime.date(2013, 12, 21) + datetime.timedelta(row), "TempHighF": (32, 107)}
_AUSTIN |= {"TempAvgF": (29, 93), "TempLowF": (19, 81), "Events": [" ", "Rain"]}
_PAPERS = {
    "titles": lambda row: f"On the subject {row}",
    "summaries": lambda row: f"We show that the {row % 7} cats sat.",
}
_PAPERS |= {"terms": ["\"['cs.CV']\"", "\"['cs.LG', 'stat.ML']\"", "\"['cs.CV', 'cs.LG']\""]}
_ROADS = {f"road{i}": (0.0, 9000.0) for i in range(228)}

TABLES = {
    "jena_climate": table(
        {"Date Time": _date} | {name: (0.1, 20.0) for name in _CLIMATE}, 8000, "jena_climate_2009_2016.csv", end=""
    ),
    "heart": table(_HEART, 303),
    "adult.data": table(_CENSUS, 600, header=False),
    "adult.test": table(_CENSUS, 300, header=False),
    "covtype": table(_COVER, 4000, header=False),
    "FordA": table({"label": [-1, 1]} | {f"t{i}": (-2.0, 2.0) for i in range(120)}, 400, header=False, separator="\t"),
    "art_daily_small_noise": table(_SERIES, 4032),
    "art_daily_jumpsup": table(_SERIES | {"value": lambda row: 500.0 if 2000 < row < 2300 else row % 50}, 4032),
    "auto-mpg": table(_MILES, 398, header=False, separator="  "),
    "creditcard": table(
        {"Time": (0, 999), **{f"V{i}": (-3.0, 3.0) for i in range(1, 30)}, "Class": ['"0"', '"1"']}, 2000
    ),
    "census+income+kdd": within(
        "census.tar.gz",
        both(
            table(_KDD, 1200, "census-income.data", header=False), table(_KDD, 600, "census-income.test", header=False)
        ),
    ),
    "bank+marketing": within(
        "bank-additional.zip", table(_BANK, 600, "bank-additional/bank-additional.csv", separator=";")
    ),
    "austin_weather": table(_AUSTIN, 1319),
    "arxiv_data": table(_PAPERS, 900),
    "PeMSD7": both(
        table(_ROADS, 228, "PeMSD7_W_228.csv", header=False),
        table(dict.fromkeys(_ROADS, (3.0, 80.0)), 2000, "PeMSD7_V_228.csv", header=False),
    ),
    "ecg.csv": table({f"t{i}": (-4.0, 2.0) for i in range(140)} | {"normal": (0, 2)}, 1000, header=False),
    "petfinder-mini": table(_PETS, 1000, "petfinder-mini/petfinder-mini.csv"),
}
